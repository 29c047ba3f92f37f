using System.Text.Json;

namespace Tuna2.Cli.Output;

/// <summary>Numbers JSON has no words for.</summary>
internal static class JsonNumbers
{
    /// <summary>Writes a number; null where there is none, or it is infinite or NaN.</summary>
    public static void WriteFinite(this Utf8JsonWriter json, string name, double? value)
    {
        if (value is { } number && double.IsFinite(number))
            json.WriteNumber(name, number);
        else
            json.WriteNull(name);
    }
}
