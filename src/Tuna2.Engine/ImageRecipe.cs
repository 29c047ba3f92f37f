using System.Globalization;
using System.Text.RegularExpressions;
using Tuna2.Engine.Imaging;

namespace Tuna2.Engine;

/// <summary>
/// What the file of a picture or clip tells of how it was made: enough to ask for it again. Read from what the engine writes into
/// its files, or from the "parameters" text of other tools alone.
/// </summary>
public sealed partial record ImageRecipe
{
    /// <summary>The prompt or instruction; empty where there is none.</summary>
    public required string Prompt { get; init; }

    /// <summary>What the file says of size, steps, guidance and so on; null, the model's default, where it is silent.</summary>
    public required ImageOptions Options { get; init; }

    /// <summary>"generate", "edit" or "reconstruct"; null where the file does not say.</summary>
    public string? Task { get; init; }

    /// <summary>Frames of a clip; null for a picture, or where the file does not say.</summary>
    public int? Frames { get; init; }

    /// <summary>Frames per second a clip is shown at; null where the file does not say.</summary>
    public double? FramesPerSecond { get; init; }

    /// <summary>Name of the model; null where the file does not say.</summary>
    public string? Model { get; init; }

    /// <summary>Everything, where the engine made the picture and its own text is still there; else null.</summary>
    public GenerationParameters? Parameters { get; init; }

    /// <summary>What the engine cannot do again: another tool's sampler.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>Reads the recipe in a PNG (animated or not), JPEG, WebP (likewise) or MP4 file, the last by ffprobe.</summary>
    /// <exception cref="ImageException">The file cannot be read or is none of those, its recipe is missing or damaged, or ffprobe is.</exception>
    public static ImageRecipe Read(string path) => Of(ImageText.Read(path), path);

    /// <summary>Reads the recipe in the picture from the stream's position to its end.</summary>
    /// <param name="stream">Encoded picture; it is left open.</param>
    /// <param name="name">What errors call the picture.</param>
    /// <exception cref="IOException">The stream fails.</exception>
    /// <inheritdoc cref="Read(string)"/>
    public static ImageRecipe Read(Stream stream, string name) => Of(ImageText.Read(stream, name), name);

    /// <summary>The recipe among a picture's texts.</summary>
    /// <param name="texts">Keywords and texts, as <see cref="ImageText"/> reads them.</param>
    /// <param name="name">What errors call the picture.</param>
    /// <exception cref="ImageException">There is none, or it is damaged.</exception>
    public static ImageRecipe Of(IReadOnlyList<KeyValuePair<string, string>> texts, string name)
    {
        ArgumentNullException.ThrowIfNull(texts);
        if (Find(GenerationParameters.JsonKeyword) is { } json)
            return Of(GenerationParameters.Parse(json, name));
        if (Find(GenerationParameters.TextKeyword) is { } text)
            return Parse(text, name);
        throw new ImageException($"{name}: the picture does not say how it was made");

        string? Find(string keyword) => texts.FirstOrDefault(text => text.Key == keyword).Value;
    }

    /// <summary>The recipe of a picture the engine made.</summary>
    public static ImageRecipe Of(GenerationParameters parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        return new ImageRecipe
        {
            Prompt = parameters.Prompt,
            Options = parameters.ToOptions(),
            Task = parameters.Task,
            Frames = parameters.Frames > 1 ? parameters.Frames : null,
            FramesPerSecond = parameters.FramesPerSecond,
            Model = parameters.Model,
            Parameters = parameters,
        };
    }

    /// <summary><see cref="Options"/> as those of a clip: with the frames and rate the file tells, the model's own where it tells none.</summary>
    public VideoOptions ToVideoOptions() => new()
    {
        Width = Options.Width,
        Height = Options.Height,
        Frames = Frames,
        FramesPerSecond = FramesPerSecond,
        Steps = Options.Steps,
        Sampler = Options.Sampler,
        Guidance = Options.Guidance,
        GuidanceInterval = Options.GuidanceInterval,
        Seed = Options.Seed,
        NegativePrompt = Options.NegativePrompt,
        VaeTile = Options.VaeTile,
        OverlongPrompt = Options.OverlongPrompt,
    };

    /// <summary>
    /// Reads the text other tools write and show: the prompt; "Negative prompt: " and its text; a last line of settings,
    /// "Steps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 512x512, Model: name". Settings the engine does not have are
    /// passed over.
    /// </summary>
    private static ImageRecipe Parse(string text, string name)
    {
        const string negativeMark = "Negative prompt:";
        var lines = text.ReplaceLineEndings("\n").Split('\n').ToList();
        var last = lines.FindLastIndex(line => line.StartsWith("Steps: ", StringComparison.Ordinal));
        if (last < 0)
            throw new ImageException($"{name}: its '{GenerationParameters.TextKeyword}' text has no line of settings ('Steps: 20, ...')");
        var mark = lines.FindIndex(0, last, line => line.StartsWith(negativeMark, StringComparison.Ordinal));
        var prompt = string.Join('\n', lines[..(mark < 0 ? last : mark)]);
        var negative = mark < 0 ? "" : string.Join('\n', lines[mark..last])[negativeMark.Length..].Trim();

        var settings = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (Match match in Setting().Matches(string.Join(", ", lines[last..])))
            settings.TryAdd(match.Groups["key"].Value, Unquoted(match.Groups["value"].Value));

        var sampler = Sampler(out var warnings);
        var size = Said("Size") is { } said ? Pair(said, 'x', "Size", Whole) : default((int, int)?);
        var guidance = Of("CFG scale", Real);
        return new ImageRecipe
        {
            Prompt = prompt.Trim(),
            Task = Said("Task"),
            Frames = Of("Frames", Whole),
            FramesPerSecond = Of("FPS", (key, value) => double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var rate) && double.IsFinite(rate) ? rate : throw Damaged(key, value)),
            Model = Said("Model"),
            Warnings = warnings,
            Options = new ImageOptions
            {
                Width = size?.Item1,
                Height = size?.Item2,
                Steps = Of("Steps", Whole),
                Sampler = sampler,
                Guidance = guidance,
                GuidanceInterval = Said("CFG interval") is { } interval ? Pair(interval, '-', "CFG interval", Real) : (0, 1),
                Seed = Of("Seed", (key, value) => long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var seed) ? seed : throw Damaged(key, value)),
                NoiseScale = Of("Noise scale", Real),
                VaeTile = Of("VAE tile", Whole),
                Batch = Of("Batch", Whole) ?? 1,
                NegativePrompt = guidance is 0 or 1 ? null : negative,
            },
        };

        string? Said(string key) => settings.GetValueOrDefault(key);

        T? Of<T>(string key, Func<string, string, T> parse) where T : struct => Said(key) is { } value ? parse(key, value) : null;

        (T, T) Pair<T>(string value, char separator, string key, Func<string, string, T> parse) =>
            value.Split(separator) is [var first, var second] ? (parse(key, first), parse(key, second)) : throw Damaged(key, value);

        int Whole(string key, string value) => int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : throw Damaged(key, value);

        float Real(string key, string value) =>
            float.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && float.IsFinite(number) ? number : throw Damaged(key, value);

        SamplerKind? Sampler(out string[] unknown)
        {
            unknown = [];
            foreach (var kind in Enum.GetValues<SamplerKind>())
                if (string.Equals(Said("Sampler"), kind.ToString(), StringComparison.OrdinalIgnoreCase))
                    return kind;
            if (Said("Sampler") is { } other)
                unknown = [$"{name} was sampled with '{OneLine.Of(other)}', which the engine does not have: the model's default is used"];
            return null;
        }

        ImageException Damaged(string key, string value) => new($"{name}: its '{GenerationParameters.TextKeyword}' text is damaged: {key} is '{OneLine.Of(value)}'");
    }

    private static string Unquoted(string value) =>
        value is ['"', .., '"'] ? value[1..^1].Replace("\\\"", "\"", StringComparison.Ordinal).Replace("\\\\", "\\", StringComparison.Ordinal) : value.Trim();

    /// <summary>A key and its value; a value with commas or colons in it stands in quotes.</summary>
    [GeneratedRegex("""\s*(?<key>\w[\w \-/]*):\s*(?<value>"(?:\\.|[^\\"])*"|[^,]*)(?:,|$)""")]
    private static partial Regex Setting();
}
