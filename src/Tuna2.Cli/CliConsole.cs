using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Tuna2.Cli;

/// <summary>Where a command writes.</summary>
/// <param name="Out">Results, and nothing else.</param>
/// <param name="Error">Progress, warnings and the one line of an error.</param>
/// <param name="ShowProgress">Whether <paramref name="Error"/> is a terminal, on which a line can be rewritten.</param>
internal sealed record CliConsole(TextWriter Out, TextWriter Error, bool ShowProgress = false)
{
    /// <summary>How JSON is written: for people too.</summary>
    public static JsonWriterOptions JsonOptions { get; } = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

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
    public void Warn(string message) => Error.WriteLine($"tuna2: warning: {OneLine(message)}");

    /// <summary>Says why nothing came of it.</summary>
    public void Fail(string message) => Error.WriteLine($"tuna2: {OneLine(message)}");

    /// <summary>Writes one JSON value as the whole result.</summary>
    public void WriteJson(Action<Utf8JsonWriter> write)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, JsonOptions))
            write(json);
        Out.WriteLine(Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length));
    }

    /// <summary>The message without its line breaks: paths, prompts and other people's exceptions may have some.</summary>
    public static string OneLine(string message) => string.Join(' ', message.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
}
