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
    private static readonly JsonWriterOptions _jsonOptions = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The standard streams as bytes.</summary>
    public StandardStreams Streams { get; init; } = StandardStreams.OfProcess();

    /// <summary>The terminal that <see cref="Error"/> is, as large as it is now; null where pictures cannot be drawn on it.</summary>
    public Func<TerminalScreen?> Screen { get; init; } = () => null;

    /// <summary>Says something the user should know that is no error.</summary>
    public void Warn(string message) => Error.WriteLine($"tuna2: warning: {OneLine(message)}");

    /// <summary>Says why nothing came of it.</summary>
    public void Fail(string message) => Error.WriteLine($"tuna2: {OneLine(message)}");

    /// <summary>Writes one JSON value as the whole result.</summary>
    public void WriteJson(Action<Utf8JsonWriter> write)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, _jsonOptions))
            write(json);
        Out.WriteLine(Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length));
    }

    /// <summary>The message without its line breaks: paths, prompts and other people's exceptions may have some.</summary>
    public static string OneLine(string message) => string.Join(' ', message.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
}
