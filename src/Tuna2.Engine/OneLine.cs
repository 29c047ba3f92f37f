using System.Text.Json;

namespace Tuna2.Engine;

/// <summary>
/// Text from files for messages: a name there may be megabytes long, or hold line breaks and terminal controls, and must not make
/// a message more than one readable line.
/// </summary>
internal static class OneLine
{
    private const int MaxLength = 120;

    /// <summary>The text without control characters, cut when long.</summary>
    public static string Of(string? text)
    {
        if (text is null) return "null";
        var shown = text.Length > MaxLength ? string.Concat(text.AsSpan(0, MaxLength), "...") : text;
        return shown.Any(char.IsControl) ? string.Concat(shown.Select(c => char.IsControl(c) ? '?' : c)) : shown;
    }

    /// <summary>A number of bytes: <c>1 byte</c>, <c>2 bytes</c>.</summary>
    public static string Bytes(long count) => count == 1 ? "1 byte" : $"{count} bytes";

    /// <summary>The message of a JSON error without its position, which counts lines from 0.</summary>
    public static string Of(JsonException error)
    {
        var position = error.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return Of(position < 0 ? error.Message : error.Message[..position]);
    }
}
