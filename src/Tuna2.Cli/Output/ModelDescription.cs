using System.Globalization;
using System.Text.Json;
using Tuna2.Engine;
using Tuna2.Engine.Models;
using Tuna2.Engine.Text;
using Tuna2.Engine.Weights;

namespace Tuna2.Cli.Output;

/// <summary>What is known of a model from its config and the headers of its files.</summary>
internal sealed class ModelDescription : IDisposable
{
    private readonly string _path;
    private readonly ModelConfig? _config;
    private readonly Checkpoint _checkpoint;
    private readonly ModelVariant? _variant;
    private readonly string? _knownAs;

    private ModelDescription(string path, ModelConfig? config, Checkpoint checkpoint)
    {
        (_path, _config, _checkpoint) = (path, config, checkpoint);
        _variant = config?.Variant ?? WeightsManifest.Identify(checkpoint);
        if (config is null)
            return;
        try
        {
            WeightsManifest.Check(config, checkpoint);
            _knownAs = WeightsManifest.Identify(config)?.Name;
        }
        catch (ModelException e)
        {
            Problem = e.Message;
        }
    }

    /// <summary>What it takes to run; null where it was not counted.</summary>
    public MemoryReport? Memory { get; private set; }

    /// <summary>Why the weights are not those of the config; null when they are, or there is no config.</summary>
    public string? Problem { get; }

    private long Parameters => _checkpoint.Tensors.Values.Sum(tensor => tensor.ElementCount);

    private IReadOnlyList<(DType Type, int Tensors, long Parameters)> Types =>
    [
        .. _checkpoint.Tensors.Values.GroupBy(tensor => tensor.DType).OrderByDescending(group => group.Sum(tensor => tensor.ByteLength))
            .Select(group => (group.Key, group.Count(), group.Sum(tensor => tensor.ElementCount))),
    ];

    /// <summary>Reads the headers of a model directory or of a file of weights; of a shape's name, where nothing else is called so, what the manifest says.</summary>
    /// <exception cref="ModelException">It is missing or damaged.</exception>
    public static ModelDescription Of(string path)
    {
        if (!Path.Exists(path) && WeightsManifest.Checkpoints.FirstOrDefault(shape => shape.Name == path) is { } known)
            return new(path, known.Config, Checkpoint.Declared(known.Name, WeightsManifest.Expect(known.Config)));
        var config = Directory.Exists(path) ? ModelConfig.Load(path) : null;
        var checkpoint = Checkpoint.Open(path);
        try
        {
            return new ModelDescription(path, config, checkpoint);
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>Counts what it takes to run, where the model is one this version runs.</summary>
    /// <exception cref="RequestException">A size is out of range.</exception>
    public void CountMemory(ImageOptions picture, int? frames, int? maxTokens, int promptTokens, int threads, WeightFormat weights)
    {
        if (_config is { } config && Problem is null)
            Memory = MemoryReport.Of(config, _checkpoint, picture, frames, maxTokens, promptTokens, FindTokenizer(), threads, weights);
    }

    private Tokenizer? FindTokenizer() => Path.Combine(_path, "tokenizer.json") is var path && File.Exists(path) ? Tokenizer.Load(path) : null;

    /// <summary>Writes it for people.</summary>
    public void WriteTo(TextWriter output, bool tensors)
    {
        Line("model", $"{_path}");
        Line("variant", $"{_variant?.Name() ?? "unknown"}{(_knownAs is null ? "" : $", the tensors of {_knownAs}")}");
        Line("parameters", $"{Short(Parameters)} ({Parameters:N0}) in {Count(_checkpoint.Tensors.Count, "tensor")}");
        Line("type", $"{string.Join(", ", Types.Select(t => Types.Count == 1 ? t.Type.Name() : $"{t.Type.Name()} ({Count(t.Tensors, "tensor")})"))}");
        Line("weights", $"{ByteCount.Of(_checkpoint.TotalBytes)} {(_checkpoint.Files.Count == 0 ? "of a shape of the manifest, in no file" : $"in {Count(_checkpoint.Files.Count, "file")}")}");
        foreach (var file in _checkpoint.Files)
            Line("", $"{Path.GetFileName(file.Path)}  {file.Bytes:N0} bytes, {Count(file.Tensors.Count, "tensor")}");
        if (_config is { } config)
            WriteConfig(config, Line);
        Memory?.WriteTo(Line);
        if (tensors)
        {
            output.WriteLine();
            foreach (var tensor in Ordered())
                output.WriteLine(tensor);
        }

        void Line(string name, FormattableString value) => output.WriteLine($"{name,-12}{value.ToString(CultureInfo.InvariantCulture)}".TrimEnd());
    }

    /// <summary>Writes it as a JSON object.</summary>
    public void WriteTo(Utf8JsonWriter json, bool tensors)
    {
        json.WriteStartObject();
        json.WriteString("model", _path);
        json.WriteString("variant", _variant?.Name());
        json.WriteString("known_as", _knownAs);
        json.WriteNumber("parameters", Parameters);
        json.WriteNumber("tensor_count", _checkpoint.Tensors.Count);
        json.WriteNumber("tensor_bytes", _checkpoint.TotalBytes);
        json.WriteStartObject("types");
        foreach (var (type, _, parameters) in Types)
            json.WriteNumber(type.Name(), parameters);
        json.WriteEndObject();
        json.WriteStartArray("files");
        foreach (var file in _checkpoint.Files)
        {
            json.WriteStartObject();
            json.WriteString("name", Path.GetFileName(file.Path));
            json.WriteNumber("bytes", file.Bytes);
            json.WriteNumber("tensors", file.Tensors.Count);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (_config is { } config)
            WriteConfig(config, json);
        Memory?.WriteTo(json);
        if (tensors)
        {
            json.WriteStartArray("tensors");
            foreach (var tensor in Ordered())
            {
                json.WriteStartObject();
                json.WriteString("name", tensor.Name);
                json.WriteString("type", tensor.DType.Name());
                json.WriteStartArray("shape");
                foreach (var side in tensor.Shape)
                    json.WriteNumberValue(side);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        json.WriteString("problem", Problem);
        json.WriteEndObject();
    }

    /// <inheritdoc/>
    public void Dispose() => _checkpoint.Dispose();

    private IEnumerable<TensorInfo> Ordered() => _checkpoint.Tensors.Values.OrderBy(tensor => tensor.Name, StringComparer.Ordinal);

    private static void WriteConfig(ModelConfig config, Action<string, FormattableString> line)
    {
        line("language", $"{config.NumHiddenLayers} layers of {config.HiddenSize}, {config.NumAttentionHeads} heads of {config.HeadDim} ({config.NumKeyValueHeads} for keys and values), MLP {config.IntermediateSize}");
        line("flow head", $"{config.FlowHead.NumLayers} layers of {config.HiddenSize}, {config.FlowHead.NumAttentionHeads} heads of {config.FlowHead.HeadDim} ({config.FlowHead.NumKeyValueHeads} for keys and values)");
        if (config.Siglip is { } siglip)
            line("vision", $"SigLIP 2, {siglip.NumHiddenLayersKept} layers of {siglip.HiddenSize}, {siglip.NumAttentionHeads} heads");
        if (config.Vae is { } vae)
            line("VAE", $"{vae.ZDim} latent channels, {vae.SpatialFactor} pixels a side");
        line("vocabulary", $"{config.VocabSize:N0} tokens{(config.TieWordEmbeddings ? ", output tied to the embedding" : "")}");
        line("picture", $"{config.TokenPixels}x{config.TokenPixels} pixels a token, predicted in {config.PredictionLayout.ToString().ToLowerInvariant()} order");

        var d = config.Defaults;
        line("defaults", $"{d.Width}x{d.Height}, {d.Steps} {d.Sampler.ToString().ToLowerInvariant()} steps, guidance {d.Guidance}{(d.EditGuidance == d.Guidance ? "" : $" (edits {d.EditGuidance})")}, noise scale {config.NoiseScale}{(d.TimeShift == 1 ? "" : $", time shift {d.TimeShift}")}");
        if (OfficialSizes.ClassOf(config) is not null)
            line("sizes", $"{string.Join(", ", OfficialSizes.All)}");
        line("negative", $"{Prompt(d.NegativePrompt)}");
        if (d.EditNegativePrompt != d.NegativePrompt)
            line("  of edits", $"{Prompt(d.EditNegativePrompt)}");
    }

    private static void WriteConfig(ModelConfig config, Utf8JsonWriter json)
    {
        json.WriteStartObject("config");
        json.WriteNumber("hidden_size", config.HiddenSize);
        json.WriteNumber("intermediate_size", config.IntermediateSize);
        json.WriteNumber("num_hidden_layers", config.NumHiddenLayers);
        json.WriteNumber("num_attention_heads", config.NumAttentionHeads);
        json.WriteNumber("num_key_value_heads", config.NumKeyValueHeads);
        json.WriteNumber("flow_head_layers", config.FlowHead.NumLayers);
        json.WriteNumber("vocab_size", config.VocabSize);
        json.WriteBoolean("tie_word_embeddings", config.TieWordEmbeddings);
        json.WriteNumber("token_pixels", config.TokenPixels);
        json.WriteString("prediction_layout", config.PredictionLayout.ToString().ToLowerInvariant());
        json.WriteEndObject();
        var d = config.Defaults;
        json.WriteStartObject("defaults");
        json.WriteNumber("width", d.Width);
        json.WriteNumber("height", d.Height);
        json.WriteStartArray("sizes");
        if (OfficialSizes.ClassOf(config) is not null)
            foreach (var size in OfficialSizes.All)
                json.WriteStringValue(size.ToString());
        json.WriteEndArray();
        json.WriteNumber("steps", d.Steps);
        json.WriteString("sampler", d.Sampler.ToString().ToLowerInvariant());
        json.WriteNumber("guidance", d.Guidance);
        json.WriteNumber("edit_guidance", d.EditGuidance);
        json.WriteNumber("noise_scale", config.NoiseScale);
        json.WriteNumber("time_shift", d.TimeShift);
        json.WriteString("negative_prompt", d.NegativePrompt);
        json.WriteString("edit_negative_prompt", d.EditNegativePrompt);
        json.WriteEndObject();
    }

    private static string Prompt(string prompt) => prompt.Length switch
    {
        0 => "none",
        > 80 => $"{prompt[..77]}...",
        _ => prompt,
    };

    private static string Count(int count, string what) => string.Create(CultureInfo.InvariantCulture, $"{count:N0} {what}{(count == 1 ? "" : "s")}");

    private static string Short(long parameters) => parameters switch
    {
        >= 1_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{parameters / 1e9:0.0} B"),
        >= 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{parameters / 1e6:0.0} M"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{parameters / 1e3:0.0} K"),
    };
}
