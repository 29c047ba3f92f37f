using System.Text.Json;

namespace Tuna2.Cli.Output;

/// <summary>What JSON writers lack: numbers JSON has no words for, and lists of texts.</summary>
internal static class JsonValues
{
    /// <summary>Writes a number; null where there is none, or it is infinite or NaN.</summary>
    public static void WriteFinite(this Utf8JsonWriter json, string name, double? value)
    {
        if (value is { } number && double.IsFinite(number))
            json.WriteNumber(name, number);
        else
            json.WriteNull(name);
    }

    /// <summary>Writes an array of texts.</summary>
    public static void WriteTexts(this Utf8JsonWriter json, string name, IEnumerable<string> texts)
    {
        json.WriteStartArray(name);
        foreach (var text in texts)
            json.WriteStringValue(text);
        json.WriteEndArray();
    }
}
