using System.Text.Json;

namespace Tuna2.Engine.Parity;

/// <summary>A case's object in cases.json.</summary>
internal sealed class CaseDescription(JsonElement json, string source)
{
    public string Name => Text("name") ?? throw Bad("name", "is missing");

    public string Task => Text("task") ?? "";

    public bool Has(string key) => json.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null;

    public string? Text(string key) => !Has(key) ? null
        : json.GetProperty(key) is { ValueKind: JsonValueKind.String } value ? value.GetString()
        : throw Bad(key, "is not a text");

    public double? Number(string key) => !Has(key) ? null
        : json.GetProperty(key) is { ValueKind: JsonValueKind.Number } value ? value.GetDouble()
        : throw Bad(key, "is not a number");

    public int Integer(string key) => Number(key) is { } value && value == (int)value ? (int)value : throw Bad(key, "is missing or not an integer");

    public long? Long(string key) => !Has(key) ? null
        : json.GetProperty(key) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out var number) ? number
        : throw Bad(key, "is not an integer");

    public (float, float)? Pair(string key) => !Has(key) ? null
        : json.GetProperty(key) is { ValueKind: JsonValueKind.Array } value && value.GetArrayLength() == 2 ? (value[0].GetSingle(), value[1].GetSingle())
        : throw Bad(key, "is not a pair of numbers");

    private ModelException Bad(string key, string what) => new($"{source}: '{key}' {what}");
}
