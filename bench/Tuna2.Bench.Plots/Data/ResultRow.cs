using System.Text.Json;

namespace Tuna2.Bench.Plots.Data;

/// <summary>A line of a result file.</summary>
/// <param name="Where">File and line: "cpu.jsonl, line 7".</param>
/// <param name="Json">The line, or a part of it.</param>
internal sealed record ResultRow(string Where, JsonElement Json)
{
    /// <summary>The kind of row: "kernel", "cpu product"; empty where the line does not say.</summary>
    public string Kind => Json.TryGetProperty("row", out var kind) && kind.ValueKind == JsonValueKind.String ? kind.GetString()! : "";

    /// <summary>A text that must be there.</summary>
    /// <exception cref="DamagedRowException">It is not.</exception>
    public string Text(string name) => Json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
        ? value.GetString()!
        : throw new DamagedRowException($"{Where}: no text '{name}'");

    /// <summary>A number that must be there: finite and above zero, as all that has a place on logarithmic axes.</summary>
    /// <exception cref="DamagedRowException">It is not.</exception>
    public double Positive(string name) => Json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.GetDouble() is > 0 and < double.PositiveInfinity and var number
        ? number
        : throw new DamagedRowException($"{Where}: no positive number '{name}'");

    /// <summary>As <see cref="Positive"/>, or 0: of what may be none.</summary>
    /// <exception cref="DamagedRowException">It is not.</exception>
    public double Count(string name) => Json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.GetDouble() == 0 ? 0 : Positive(name);

    /// <summary>An object within; null where there is none.</summary>
    public ResultRow? Part(string name) => Json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object ? this with { Json = value } : null;

    /// <summary>The objects of an array within; none where there is no array.</summary>
    /// <exception cref="DamagedRowException">One is something else.</exception>
    public IEnumerable<ResultRow> Parts(string name) => Json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Array
        ? value.EnumerateArray().Select(part => part.ValueKind == JsonValueKind.Object ? this with { Json = part } : throw new DamagedRowException($"{Where}: '{name}' holds what is no object"))
        : [];

    /// <summary>Whether it has a value of that name.</summary>
    public bool Has(string name) => Json.TryGetProperty(name, out _);
}

/// <summary>A row that cannot be used; the message names its place and what is wrong.</summary>
internal sealed class DamagedRowException(string message) : Exception(message);
