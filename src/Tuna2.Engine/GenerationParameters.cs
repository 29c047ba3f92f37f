using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Tuna2.Engine;

/// <summary>Everything that made a picture: enough to make it again. Written into the PNG.</summary>
public sealed record GenerationParameters
{
    /// <summary>"generate", "edit" or "reconstruct".</summary>
    public required string Task { get; init; }

    /// <summary>The prompt or instruction.</summary>
    public required string Prompt { get; init; }

    /// <summary>The negative prompt used; empty for none.</summary>
    public required string NegativePrompt { get; init; }

    /// <summary>Solver steps.</summary>
    public required int Steps { get; init; }

    /// <summary>The solver.</summary>
    public required SamplerKind Sampler { get; init; }

    /// <summary>Classifier-free guidance strength.</summary>
    public required float Guidance { get; init; }

    /// <summary>Lower end of the guidance interval.</summary>
    public required float GuidanceLow { get; init; }

    /// <summary>Upper end of the guidance interval.</summary>
    public required float GuidanceHigh { get; init; }

    /// <summary>Seed of this very picture; null where nothing was drawn.</summary>
    public required long? Seed { get; init; }

    /// <summary>Columns in pixels.</summary>
    public required int Width { get; init; }

    /// <summary>Rows in pixels.</summary>
    public required int Height { get; init; }

    /// <summary>Factor on the start state.</summary>
    public required float NoiseScale { get; init; }

    /// <summary>Name of the model directory.</summary>
    public required string Model { get; init; }

    /// <summary>The device that made it.</summary>
    public required string Device { get; init; }

    /// <summary>
    /// How the device's products were chosen: the library and the heuristic, or a stored tuning's name and hash. Another one is the same
    /// picture but for rounding. Null where there is nothing to choose.
    /// </summary>
    public string? Tuning { get; init; }

    /// <summary>
    /// The text chunks of a PNG: "parameters", the form other tools show (prompt, negative prompt, a line of settings), and
    /// "tuna2", the same as JSON.
    /// </summary>
    public IReadOnlyList<KeyValuePair<string, string>> ToTextChunks() => [new("parameters", ToText()), new("tuna2", ToJson())];

    /// <summary>Prompt, negative prompt and a line of settings.</summary>
    public string ToText()
    {
        var text = new StringBuilder();
        if (Prompt.Length > 0)
            text.Append(Prompt).Append('\n');
        if (NegativePrompt.Length > 0)
            text.Append("Negative prompt: ").Append(NegativePrompt).Append('\n');
        text.Append(CultureInfo.InvariantCulture, $"Steps: {Steps}, Sampler: {Sampler}, CFG scale: {Guidance}");
        if (Seed is { } seed)
            text.Append(CultureInfo.InvariantCulture, $", Seed: {seed}");
        text.Append(CultureInfo.InvariantCulture, $", Size: {Width}x{Height}, Model: {Model}, Noise scale: {NoiseScale}, Task: {Task}, Version: Tuna2.Engine");
        return text.ToString();
    }

    /// <summary>All values as one JSON object.</summary>
    public string ToJson()
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
            WriteTo(json);
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    /// <summary>Writes all values as a JSON object.</summary>
    public void WriteTo(Utf8JsonWriter json)
    {
        ArgumentNullException.ThrowIfNull(json);
        json.WriteStartObject();
        json.WriteString("task", Task);
        json.WriteString("prompt", Prompt);
        json.WriteString("negative_prompt", NegativePrompt);
        json.WriteNumber("steps", Steps);
        json.WriteString("sampler", Sampler == SamplerKind.Euler ? "euler" : "heun");
        json.WriteNumber("guidance", Guidance);
        json.WriteStartArray("cfg_interval");
        json.WriteNumberValue(GuidanceLow);
        json.WriteNumberValue(GuidanceHigh);
        json.WriteEndArray();
        if (Seed is { } seed)
            json.WriteNumber("seed", seed);
        json.WriteNumber("width", Width);
        json.WriteNumber("height", Height);
        json.WriteNumber("noise_scale", NoiseScale);
        json.WriteString("model", Model);
        json.WriteString("device", Device);
        if (Tuning is not null)
            json.WriteString("tuning", Tuning);
        json.WriteEndObject();
    }
}
