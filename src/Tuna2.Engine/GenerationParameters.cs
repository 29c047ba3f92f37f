using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Tuna2.Engine;

/// <summary>Everything that made a picture: enough to make it again. Written into its file.</summary>
public sealed record GenerationParameters
{
    /// <summary>The keyword of the text other tools show.</summary>
    public const string TextKeyword = "parameters";

    /// <summary>The keyword of the same as JSON.</summary>
    public const string JsonKeyword = "tuna2";

    /// <summary>"generate", "edit", "reconstruct" or "video".</summary>
    public required string Task { get; init; }

    /// <summary>The prompt or instruction.</summary>
    public required string Prompt { get; init; }

    /// <summary>The negative prompt used; empty for none.</summary>
    public required string NegativePrompt { get; init; }

    /// <summary>Whether a prompt was too long and cut: see <see cref="OverlongPrompt.Cut"/>.</summary>
    public bool PromptCut { get; init; }

    /// <summary>Solver steps, as they are asked for.</summary>
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

    /// <summary>Frames of a clip; 1 for a picture.</summary>
    public int Frames { get; init; } = 1;

    /// <summary>Frames per second a clip is shown at; null for a picture.</summary>
    public double? FramesPerSecond { get; init; }

    /// <summary>Factor on the start state.</summary>
    public required float NoiseScale { get; init; }

    /// <summary>Side in pixels of the tiles the VAE took it in; null for whole.</summary>
    public int? VaeTile { get; init; }

    /// <summary>Pictures that were stepped together, where that decides how products round; else 1.</summary>
    public int Batch { get; init; } = 1;

    /// <summary>Name of the model directory.</summary>
    public required string Model { get; init; }

    /// <summary>The device that made it.</summary>
    public required string Device { get; init; }

    /// <summary>What the model's matrices were kept as: another format is another picture, if a near one.</summary>
    public WeightFormat Weights { get; init; }

    /// <summary>Reads <see cref="ToJson"/> back.</summary>
    /// <param name="json">A JSON object; members it does not know are passed over.</param>
    /// <param name="name">What errors call the picture it is from.</param>
    /// <exception cref="ImageException">It is no such object, or a member is missing or of another kind.</exception>
    public static GenerationParameters Parse(string json, string name = "picture")
    {
        ArgumentNullException.ThrowIfNull(json);
        try
        {
            using var document = JsonDocument.Parse(json);
            return Read(document.RootElement, name);
        }
        catch (JsonException e)
        {
            throw Damaged(name, OneLine.Of(e), e);
        }
    }

    /// <summary>The options that make the picture again, on the same model and, for edits and reconstructions, from the same source.</summary>
    public ImageOptions ToOptions() => new()
    {
        Width = Width,
        Height = Height,
        Steps = Steps,
        Sampler = Sampler,
        Guidance = Guidance,
        GuidanceInterval = (GuidanceLow, GuidanceHigh),
        Seed = Seed,
        // Without guidance none was used, and none was noted: whoever turns guidance on wants the model's own.
        NegativePrompt = Guidance is 0 or 1 ? null : NegativePrompt,
        NoiseScale = NoiseScale,
        VaeTile = VaeTile,
        Batch = Batch,
        OverlongPrompt = PromptCut ? OverlongPrompt.Cut : OverlongPrompt.Refuse,
    };

    /// <summary>The options that make a clip again on the same model; what is a picture's, as a clip of the model's own length.</summary>
    public VideoOptions ToVideoOptions() => ImageRecipe.Of(this).ToVideoOptions();

    /// <summary>
    /// How the device's products were chosen: the library and the heuristic, or a stored tuning's name and hash. Another one is the same
    /// picture but for rounding. Null where there is nothing to choose.
    /// </summary>
    public string? Tuning { get; init; }

    /// <summary>
    /// The texts of a picture file: "parameters", the form other tools show (prompt, negative prompt, a line of settings), and
    /// "tuna2", the same as JSON.
    /// </summary>
    public IReadOnlyList<KeyValuePair<string, string>> ToTexts() => [new(TextKeyword, ToText()), new(JsonKeyword, ToJson())];

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
        text.Append(CultureInfo.InvariantCulture, $", Size: {Width}x{Height}{(Frames > 1 ? string.Create(CultureInfo.InvariantCulture, $", Frames: {Frames}") : "")}{(FramesPerSecond is { } rate ? string.Create(CultureInfo.InvariantCulture, $", FPS: {rate}") : "")}, Model: {Quoted(Model)}, Noise scale: {NoiseScale}");
        if (VaeTile is { } tile)
            text.Append(CultureInfo.InvariantCulture, $", VAE tile: {tile}");
        if (Weights != WeightFormat.Stored)
            text.Append(CultureInfo.InvariantCulture, $", Weights: {Weights.Name()}");
        if (Batch > 1)
            text.Append(CultureInfo.InvariantCulture, $", Batch: {Batch}");
        if ((GuidanceLow, GuidanceHigh) != (0, 1))
            text.Append(CultureInfo.InvariantCulture, $", CFG interval: {GuidanceLow}-{GuidanceHigh}");
        return text.Append(CultureInfo.InvariantCulture, $", Task: {Task}, Version: Tuna2.Engine").ToString();
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
        if (PromptCut)
            json.WriteBoolean("prompt_cut", true);
        json.WriteNumber("steps", Steps);
        json.WriteString("sampler", Sampler.ToString().ToLowerInvariant());
        json.WriteNumber("guidance", Guidance);
        json.WriteStartArray("cfg_interval");
        json.WriteNumberValue(GuidanceLow);
        json.WriteNumberValue(GuidanceHigh);
        json.WriteEndArray();
        if (Seed is { } seed)
            json.WriteNumber("seed", seed);
        json.WriteNumber("width", Width);
        json.WriteNumber("height", Height);
        if (Frames > 1)
            json.WriteNumber("frames", Frames);
        if (FramesPerSecond is { } rate)
            json.WriteNumber("frames_per_second", rate);
        json.WriteNumber("noise_scale", NoiseScale);
        if (VaeTile is { } tile)
            json.WriteNumber("vae_tile", tile);
        if (Batch > 1)
            json.WriteNumber("batch", Batch);
        json.WriteString("model", Model);
        json.WriteString("device", Device);
        if (Weights != WeightFormat.Stored)
            json.WriteString("weights", Weights.Name());
        if (Tuning is not null)
            json.WriteString("tuning", Tuning);
        json.WriteEndObject();
    }

    private static GenerationParameters Read(JsonElement json, string name)
    {
        if (json.ValueKind != JsonValueKind.Object)
            throw Damaged(name, "not a JSON object");
        return new GenerationParameters
        {
            Task = Text("task"),
            Prompt = Text("prompt"),
            NegativePrompt = Text("negative_prompt"),
            PromptCut = json.TryGetProperty("prompt_cut", out var cut) && cut.ValueKind == JsonValueKind.True,
            Steps = Whole("steps"),
            Sampler = Enum.GetValues<SamplerKind>().Cast<SamplerKind?>().FirstOrDefault(kind => string.Equals(kind.ToString(), Text("sampler"), StringComparison.OrdinalIgnoreCase))
                ?? throw Damaged(name, $"sampler '{OneLine.Of(Text("sampler"))}' is not one of euler, heun"),
            Guidance = Real(Member("guidance"), "guidance"),
            GuidanceLow = Interval(0),
            GuidanceHigh = Interval(1),
            Seed = json.TryGetProperty("seed", out _) ? Member("seed") is { ValueKind: JsonValueKind.Number } seed && seed.TryGetInt64(out var value) ? value : throw Damaged(name, "seed is not a whole number") : null,
            Width = Whole("width"),
            Height = Whole("height"),
            Frames = json.TryGetProperty("frames", out _) ? Whole("frames") : 1,
            FramesPerSecond = json.TryGetProperty("frames_per_second", out _)
                ? Member("frames_per_second") is { ValueKind: JsonValueKind.Number } rate && rate.TryGetDouble(out var perSecond) && double.IsFinite(perSecond) ? perSecond : throw Damaged(name, "frames_per_second is not a number")
                : null,
            NoiseScale = Real(Member("noise_scale"), "noise_scale"),
            VaeTile = json.TryGetProperty("vae_tile", out _) ? Whole("vae_tile") : null,
            Batch = json.TryGetProperty("batch", out _) ? Whole("batch") : 1,
            Model = Text("model"),
            Device = Text("device"),
            Weights = json.TryGetProperty("weights", out _)
                ? Enum.GetValues<WeightFormat>().Cast<WeightFormat?>().FirstOrDefault(format => format!.Value.Name() == Text("weights"))
                    ?? throw Damaged(name, $"weights '{OneLine.Of(Text("weights"))}' is not one of stored, int8, int4")
                : WeightFormat.Stored,
            Tuning = json.TryGetProperty("tuning", out _) ? Text("tuning") : null,
        };

        JsonElement Member(string key) => json.TryGetProperty(key, out var member) ? member : throw Damaged(name, $"{key} is missing");

        string Text(string key) => Member(key) is { ValueKind: JsonValueKind.String } member ? member.GetString()! : throw Damaged(name, $"{key} is not a text");

        int Whole(string key) => Member(key) is { ValueKind: JsonValueKind.Number } member && member.TryGetInt32(out var value) ? value : throw Damaged(name, $"{key} is not a whole number");

        float Real(JsonElement member, string key) =>
            member.ValueKind == JsonValueKind.Number && member.TryGetSingle(out var value) && float.IsFinite(value) ? value : throw Damaged(name, $"{key} is not a number");

        float Interval(int end) => Member("cfg_interval") is { ValueKind: JsonValueKind.Array } ends && ends.GetArrayLength() == 2
            ? Real(ends[end], "cfg_interval")
            : throw Damaged(name, "cfg_interval is not two numbers");
    }

    /// <summary>A value that could be taken for several settings stands in quotes, as other tools write it.</summary>
    private static string Quoted(string value) => value.AsSpan().ContainsAny(",:\"\n")
        ? $"\"{value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).ReplaceLineEndings(" ")}\""
        : value;

    private static ImageException Damaged(string name, string what, Exception? cause = null) => new($"{name}: its '{JsonKeyword}' parameters are damaged: {what}", cause);
}
