using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Spectre.Console;

namespace Tuna2.Cli;

/// <summary>Where a command writes.</summary>
/// <param name="output">Results, and nothing else.</param>
/// <param name="error">Progress, warnings and the one line of an error.</param>
/// <param name="terminal">Makes <paramref name="error"/> a terminal to draw on; null where it is none. It is not called before something is drawn.</param>
internal sealed class CliConsole(TextWriter output, TextWriter error, Func<IAnsiConsole>? terminal = null)
{
    /// <summary>How JSON is written: for people too.</summary>
    public static JsonWriterOptions JsonOptions { get; } = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly Lazy<IAnsiConsole?> _terminal = new(() => terminal?.Invoke() is { Profile.Capabilities: { Ansi: true, Interactive: true } } able ? able : null);
    private bool _jsonWritten;

    /// <summary>Results, and nothing else.</summary>
    public TextWriter Out => output;

    /// <summary>Progress, warnings and the one line of an error.</summary>
    public TextWriter Error => error;

    /// <summary>Whether the result is one JSON value: --json. Set once, before a command runs.</summary>
    public bool Json { get; set; }

    /// <summary>
    /// Standard error as a terminal on which a line can be rewritten; null where it is a file, a pipe or a terminal too dumb, and
    /// with --json, which is for programs.
    /// </summary>
    public IAnsiConsole? Terminal => Json ? null : _terminal.Value;

    /// <summary>The standard streams as bytes.</summary>
    public StandardStreams Streams { get; init; } = StandardStreams.OfProcess();

    /// <summary><see cref="Terminal"/> as large as it is now; null where pictures cannot be drawn on it.</summary>
    public TerminalScreen? Screen => TerminalScreen.Of(Terminal);

    /// <summary>Standard input, for questions.</summary>
    public TextReader In { get; init; } = TextReader.Null;

    /// <summary>Whether a person types at <see cref="In"/> and sees <see cref="Error"/>.</summary>
    public bool Interactive { get; init; }

    /// <summary>Whom a Ctrl-C stops.</summary>
    public Interrupts Interrupts { get; init; } = new();

    /// <summary>Standard input's next line; null at its end. Reading cannot be cancelled, only left behind.</summary>
    public Task<string?> ReadLineAsync(CancellationToken cancellation) => Task.Run(In.ReadLine, CancellationToken.None).WaitAsync(cancellation);

    /// <summary>All that is left of standard input.</summary>
    public Task<string> ReadToEndAsync(CancellationToken cancellation) => Task.Run(In.ReadToEnd, CancellationToken.None).WaitAsync(cancellation);

    /// <summary>Says something the user should know that is no error.</summary>
    public void Warn(string message) => Say($"tuna2: warning: {OneLine(message)}");

    /// <summary>Says why nothing came of it.</summary>
    /// <param name="message">What is wrong, and where.</param>
    /// <param name="command">The command that says so: "tuna2 generate".</param>
    public void Fail(string message, string command = "tuna2") => Say($"{command}: {OneLine(message)}");

    /// <summary>
    /// Says why nothing came of it, and with --json says it as the one JSON value too, unless the command has written its own: what
    /// reads standard output always finds one.
    /// </summary>
    /// <param name="message">What is wrong, and where.</param>
    /// <param name="kind">"usage", "model", "image", "device", "io", "cancelled" or "internal".</param>
    /// <param name="code">What the process will end with.</param>
    /// <param name="command">The command that says so.</param>
    public void Fail(string message, string kind, int code, string command = "tuna2")
    {
        Fail(message, command);
        if (!Json || _jsonWritten)
            return;
        WriteJson(json =>
        {
            json.WriteStartObject();
            json.WriteStartObject("error");
            json.WriteString("kind", kind);
            json.WriteString("message", OneLine(message));
            json.WriteNumber("exit_code", code);
            json.WriteEndObject();
            json.WriteEndObject();
        });
    }

    /// <summary>Writes one JSON value as the whole result.</summary>
    public void WriteJson(Action<Utf8JsonWriter> write)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, JsonOptions))
            write(json);
        _jsonWritten = true;
        Out.WriteLine(Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length));
    }

    /// <summary>Where standard error is closed there is nobody to tell, and that is no error of the command's.</summary>
    private void Say(string line)
    {
        try
        {
            Error.WriteLine(line);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The exit code says it.
        }
    }

    /// <summary>The message without its line breaks: paths, prompts and other people's exceptions may have some.</summary>
    public static string OneLine(string message) => string.Join(' ', message.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
}
