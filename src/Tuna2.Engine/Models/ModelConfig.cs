using System.Text.Json;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Imaging;

namespace Tuna2.Engine.Models;

/// <summary>
/// The shape of a model, as its config.json gives it. A config that loads makes sense: sizes are positive, heads divide what they
/// must, the parts fit each other.
/// </summary>
public sealed record ModelConfig
{
    /// <summary>The file's name in a model directory.</summary>
    public const string FileName = "config.json";

    // Bounds of sense, not of hardware: they catch a mistyped exponent and keep later arithmetic far from overflow.
    private const int MostLayers = 1024;
    private const int MostChannels = 1024;
    private const int LargestPatch = 1024;
    private const float LargestTheta = 1e9f;
    private const float LargestEps = 1;
    private const float LargestScale = 1000;

    /// <summary>Which family the model is of.</summary>
    public required ModelVariant Variant { get; init; }

    /// <summary>D, the channels of a token, in the language model and the flow head.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Width of the MLPs, in the language model and the flow head.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Layers of the language model.</summary>
    public required int NumHiddenLayers { get; init; }

    /// <summary>Query heads of the language model.</summary>
    public required int NumAttentionHeads { get; init; }

    /// <summary>Key and value heads of the language model; divides <see cref="NumAttentionHeads"/>.</summary>
    public required int NumKeyValueHeads { get; init; }

    /// <summary>The base of the language model's rotary frequencies.</summary>
    public required float RopeTheta { get; init; }

    /// <summary>The epsilon of the language model's RMSNorms.</summary>
    public required float RmsNormEps { get; init; }

    /// <summary>Rows of the embedding, and of the language model's output.</summary>
    public required int VocabSize { get; init; }

    /// <summary>Whether the output layer is the embedding, so that the weights hold no <c>tuna.lm_head.weight</c>.</summary>
    public required bool TieWordEmbeddings { get; init; }

    /// <summary>Side of the square one image token covers, in pixels, or in latent cells for <see cref="ModelVariant.Tuna"/>.</summary>
    public required int PatchSize { get; init; }

    /// <summary>
    /// Channels of what the model denoises: 3 for pixels (<c>image_channels</c>), the VAE's latent channels for
    /// <see cref="ModelVariant.Tuna"/> (<c>image_latent_dim</c>).
    /// </summary>
    public required int ImageChannels { get; init; }

    /// <summary>
    /// The epsilon of the RMSNorm behind the patch embedding: the machine epsilon of the type the model was made in, 2^-7 for the
    /// official models. 0 for variants without that norm.
    /// </summary>
    public required float PatchNormEps { get; init; }

    /// <summary>Which pixels a token's prediction is.</summary>
    public required PredictionLayout PredictionLayout { get; init; }

    /// <summary>The flow head.</summary>
    public required FlowHeadConfig FlowHead { get; init; }

    /// <summary>The vision encoder; null for <see cref="ModelVariant.Tuna2Pixel"/>, which has none.</summary>
    public SiglipConfig? Siglip { get; init; }

    /// <summary>The VAE; only <see cref="ModelVariant.Tuna"/> has one.</summary>
    public VaeConfig? Vae { get; init; }

    /// <summary>The standard deviation of the starting noise; 1 for <see cref="ModelVariant.Tuna"/>.</summary>
    public required float NoiseScale { get; init; }

    /// <summary>What to generate with when the caller does not say; the official values where the file has no <c>defaults</c>.</summary>
    public required GenerationDefaults Defaults { get; init; }

    /// <summary>What the flow head predicts: the variant says.</summary>
    public PredictionKind Prediction => Variant == ModelVariant.Tuna ? PredictionKind.Velocity : PredictionKind.X0;

    /// <summary>Channels of one head of the language model; even.</summary>
    public int HeadDim => HiddenSize / NumAttentionHeads;

    /// <summary>How many values the flow head predicts for one image token.</summary>
    public int PatchValues => PatchSize * PatchSize * ImageChannels;

    /// <summary>Side of the square of the picture that one image token covers, in pixels; sizes are multiples of it.</summary>
    public int TokenPixels => PatchSize * (Vae?.SpatialFactor ?? 1);

    /// <summary>The tokens of a picture or clip of a size in pixels.</summary>
    internal Grid GridOf(int width, int height, int frames = 1) => new(Vae?.LatentFrames(frames) ?? frames, height / TokenPixels, width / TokenPixels);

    /// <summary>The solver's moves: <see cref="ModelVariant.Tuna"/> counts the times as steps, one more than there are moves between them.</summary>
    internal int Moves(int steps) => Variant == ModelVariant.Tuna ? steps - 1 : steps;

    /// <summary>Loads a model directory's config.json, or the file itself.</summary>
    /// <exception cref="ModelException">The file is missing, not JSON, or has a missing or senseless value, which the message names.</exception>
    public static ModelConfig Load(string directoryOrFile)
    {
        ArgumentException.ThrowIfNullOrEmpty(directoryOrFile);
        var path = Directory.Exists(directoryOrFile) ? Path.Combine(directoryOrFile, FileName) : directoryOrFile;
        try
        {
            return Parse(File.ReadAllBytes(path), path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ModelException(path == directoryOrFile ? $"{path}: there is no such file or directory" : $"no {FileName} in {directoryOrFile}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{path}: cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Reads the text of a config.json.</summary>
    /// <param name="utf8Json">The text; a byte order mark is allowed.</param>
    /// <param name="source">What messages call the file.</param>
    /// <exception cref="ModelException">The text is not JSON, or has a missing or senseless value, which the message names.</exception>
    public static ModelConfig Parse(ReadOnlyMemory<byte> utf8Json, string source)
    {
        if (utf8Json.Span.StartsWith("\uFEFF"u8)) utf8Json = utf8Json[3..];
        try
        {
            using var json = JsonDocument.Parse(utf8Json, new JsonDocumentOptions { AllowDuplicateProperties = false });
            return Read(new ConfigReader(source, "", json.RootElement));
        }
        catch (InvalidOperationException e)
        {
            // What JsonElement throws for an escaped half of a surrogate pair.
            throw new ModelException($"{source}: a string is not valid Unicode", e);
        }
        catch (JsonException e)
        {
            throw new ModelException($"{source}: not valid JSON{(e.LineNumber is { } line ? $" (line {line + 1})" : "")}: {OneLine.Of(e)}", e);
        }
    }

    private static ModelConfig Read(ConfigReader reader)
    {
        if (!ModelVariants.TryParse(reader.Text("variant"), out var variant))
            throw reader.Bad("variant", $"is '{OneLine.Of(reader.Text("variant"))}', not one of {ModelVariants.All}");
        var hiddenSize = reader.Size("hidden_size");
        var (heads, kvHeads) = ReadHeads(reader, hiddenSize, 2);
        var noiseScale = variant == ModelVariant.Tuna ? 1 : reader.Positive("noise_scale", LargestScale);
        var config = new ModelConfig
        {
            Variant = variant,
            HiddenSize = hiddenSize,
            IntermediateSize = reader.Size("intermediate_size"),
            NumHiddenLayers = reader.Size("num_hidden_layers", MostLayers),
            NumAttentionHeads = heads,
            NumKeyValueHeads = kvHeads,
            RopeTheta = reader.Positive("rope_theta", LargestTheta),
            RmsNormEps = reader.Positive("rms_norm_eps", LargestEps),
            VocabSize = reader.Size("vocab_size"),
            TieWordEmbeddings = reader.Flag("tie_word_embeddings"),
            PatchSize = reader.Size("patch_size", LargestPatch),
            ImageChannels = reader.Size(variant == ModelVariant.Tuna ? "image_latent_dim" : "image_channels", MostChannels),
            PatchNormEps = variant == ModelVariant.Tuna2Pixel ? reader.Positive("patch_norm_eps", LargestEps) : 0,
            PredictionLayout = ReadLayout(reader),
            FlowHead = ReadFlowHead(reader.Object("flow_head"), hiddenSize),
            Siglip = variant == ModelVariant.Tuna2Pixel ? null : ReadSiglip(reader.Object("siglip")),
            Vae = variant == ModelVariant.Tuna ? ReadVae(reader.Object("vae")) : null,
            NoiseScale = noiseScale,
            Defaults = ReadDefaults(reader, GenerationDefaults.Official(variant, noiseScale)),
        };
        config.CheckParts(reader);
        return config;
    }

    // The parts of a model must fit each other: one token is one patch, in the unit and with the channels that are denoised.
    private void CheckParts(ConfigReader reader)
    {
        if (Siglip is not null)
        {
            var siglip = reader.Object("siglip");
            if (Siglip.PatchSize != PatchSize) throw siglip.Bad("patch_size", $"is {Siglip.PatchSize}, the model's is {PatchSize}");
            if (Siglip.NumChannels != ImageChannels)
                throw siglip.Bad("num_channels", $"is {Siglip.NumChannels}, but the model denoises {ImageChannels} channels");
        }
        if (Vae is not null && Vae.ZDim != ImageChannels)
            throw reader.Object("vae").Bad("z_dim", $"is {Vae.ZDim}, but the model denoises {ImageChannels} channels");
        if (Vae is not null && Vae.ZDim != LatentScale.Channels)
            throw reader.Object("vae").Bad("z_dim", $"is {Vae.ZDim}, but how latents are scaled is known of {LatentScale.Channels} channels");
        if (Vae is not null && Defaults.Video is { } clip && reader.Has("defaults") && reader.Object("defaults").Has("video"))
        {
            var video = reader.Object("defaults").Object("video");
            if (clip.Width % TokenPixels != 0) throw video.Bad("width", $"is {clip.Width}, not a multiple of {TokenPixels}");
            if (clip.Height % TokenPixels != 0) throw video.Bad("height", $"is {clip.Height}, not a multiple of {TokenPixels}");
            if (clip.Frames <= 1 || (clip.Frames - 1) % Vae.TemporalFactor != 0)
                throw video.Bad("frames", $"is {clip.Frames}, not 1 and a multiple of {Vae.TemporalFactor}");
        }
        if (Defaults.Width % TokenPixels != 0)
            throw reader.Object("defaults").Bad("width", $"is {Defaults.Width}, not a multiple of {TokenPixels}");
        if (Defaults.Height % TokenPixels != 0)
            throw reader.Object("defaults").Bad("height", $"is {Defaults.Height}, not a multiple of {TokenPixels}");
    }

    private static (int Heads, int KvHeads) ReadHeads(ConfigReader reader, int hiddenSize, int multiple)
    {
        var heads = reader.Size("num_attention_heads");
        var kvHeads = reader.Size("num_key_value_heads");
        if (hiddenSize % heads != 0) throw reader.Bad("num_attention_heads", $"is {heads}, which does not divide the hidden size {hiddenSize}");
        if (hiddenSize / heads % multiple != 0)
            throw reader.Bad("num_attention_heads", $"is {heads}: heads of {hiddenSize / heads} channels, not a multiple of {multiple}");
        if (heads % kvHeads != 0) throw reader.Bad("num_key_value_heads", $"is {kvHeads}, which does not divide the {heads} attention heads");
        return (heads, kvHeads);
    }

    private static PredictionLayout ReadLayout(ConfigReader reader)
    {
        if (!reader.Has("prediction_layout")) return PredictionLayout.Raster;
        return reader.Text("prediction_layout") switch
        {
            "raster" => PredictionLayout.Raster,
            "patch" => PredictionLayout.Patch,
            var other => throw reader.Bad("prediction_layout", $"is '{OneLine.Of(other)}', not 'raster' or 'patch'"),
        };
    }

    private static FlowHeadConfig ReadFlowHead(ConfigReader reader, int hiddenSize)
    {
        var (heads, kvHeads) = ReadHeads(reader, hiddenSize, 16);
        return new FlowHeadConfig
        {
            NumLayers = reader.Size("num_layers", MostLayers),
            NumAttentionHeads = heads,
            NumKeyValueHeads = kvHeads,
            HeadDim = hiddenSize / heads,
            RmsNormEps = reader.Positive("rms_norm_eps", LargestEps),
            FinalNormEps = reader.Positive("final_norm_eps", LargestEps),
            RopeTheta = reader.Positive("rope_theta", LargestTheta),
            RopeScaling = reader.Has("rope_scaling") ? ReadRopeScaling(reader.Object("rope_scaling")) : new RopeScaling(),
            ImageRopeTheta = reader.Positive("image_rope_theta", LargestTheta),
        };
    }

    private static RopeScaling ReadRopeScaling(ConfigReader reader)
    {
        if (reader.Text("rope_type") is var type && type != "llama3") throw reader.Bad("rope_type", $"is '{OneLine.Of(type)}', not 'llama3'");
        var scaling = new RopeScaling
        {
            Factor = reader.Positive("factor", LargestScale),
            LowFreqFactor = reader.Positive("low_freq_factor", LargestScale),
            HighFreqFactor = reader.Positive("high_freq_factor", LargestScale),
            OriginalMaxPositionEmbeddings = reader.Size("original_max_position_embeddings"),
        };
        // The blend between the two divides by their difference.
        return scaling.HighFreqFactor > scaling.LowFreqFactor ? scaling : throw reader.Bad("high_freq_factor", "is not above 'low_freq_factor'");
    }

    private static SiglipConfig ReadSiglip(ConfigReader reader)
    {
        if (reader.Has("hidden_act") && reader.Text("hidden_act") is var act && act != "gelu_pytorch_tanh")
            throw reader.Bad("hidden_act", $"is '{OneLine.Of(act)}', not 'gelu_pytorch_tanh'");
        var siglip = new SiglipConfig
        {
            HiddenSize = reader.Size("hidden_size"),
            IntermediateSize = reader.Size("intermediate_size"),
            NumHiddenLayersKept = reader.Size("num_hidden_layers_kept", MostLayers),
            NumAttentionHeads = reader.Size("num_attention_heads"),
            ImageSize = reader.Size("image_size"),
            PatchSize = reader.Size("patch_size"),
            NumChannels = reader.SizeOr("num_channels", 3),
            LayerNormEps = reader.Positive("layer_norm_eps", LargestEps),
        };
        if (siglip.HiddenSize % siglip.NumAttentionHeads != 0)
            throw reader.Bad("num_attention_heads", $"is {siglip.NumAttentionHeads}, which does not divide the hidden size {siglip.HiddenSize}");
        if (siglip.ImageSize % siglip.PatchSize != 0)
            throw reader.Bad("image_size", $"is {siglip.ImageSize}, not a multiple of the patch size {siglip.PatchSize}");
        if (siglip.GridSize > 4096) throw reader.Bad("image_size", $"is {siglip.ImageSize}, more than 4096 patches a side");
        return siglip;
    }

    private static VaeConfig ReadVae(ConfigReader reader)
    {
        var vae = new VaeConfig
        {
            ZDim = reader.Size("z_dim"),
            BaseDim = reader.Size("base_dim", 65536),
            DecDim = reader.Size("dec_dim", 65536),
            DimMult = reader.Sizes("dim_mult", 64),
            NumResBlocks = reader.Size("num_res_blocks", 64),
            TemporalDownsample = reader.Flags("temporal_downsample"),
        };
        if (vae.DimMult.Count > 8) throw reader.Bad("dim_mult", $"has {vae.DimMult.Count} levels, more than 8");
        if (vae.TemporalDownsample.Count != vae.DimMult.Count - 1)
        {
            var levels = vae.DimMult.Count - 1;
            throw reader.Bad("temporal_downsample", $"has {vae.TemporalDownsample.Count} values, not one for each of the {levels} levels that shrink the picture");
        }
        return vae;
    }

    private static GenerationDefaults ReadDefaults(ConfigReader reader, GenerationDefaults official)
    {
        if (!reader.Has("defaults")) return official;
        var defaults = reader.Object("defaults");
        var guidance = defaults.Has("guidance") ? defaults.NonNegative("guidance", LargestScale) : official.Guidance;
        var negativePrompt = defaults.Has("negative_prompt") ? defaults.Text("negative_prompt") : official.NegativePrompt;
        return official with
        {
            Width = defaults.SizeOr("width", official.Width),
            Height = defaults.SizeOr("height", official.Height),
            Steps = defaults.SizeOr("steps", official.Steps),
            Guidance = guidance,
            // A model's own guidance and negative prompt hold for edits too, unless it says otherwise.
            EditGuidance = defaults.Has("edit_guidance") ? defaults.NonNegative("edit_guidance", LargestScale)
                : defaults.Has("guidance") ? guidance : official.EditGuidance,
            Sampler = ReadSampler(defaults, official.Sampler),
            NegativePrompt = negativePrompt,
            EditNegativePrompt = defaults.Has("edit_negative_prompt") ? defaults.Text("edit_negative_prompt")
                : defaults.Has("negative_prompt") ? negativePrompt : official.EditNegativePrompt,
            Video = official.Video is { } video && defaults.Has("video") ? ReadVideo(defaults.Object("video"), video) : official.Video,
        };
    }

    private static VideoDefaults ReadVideo(ConfigReader reader, VideoDefaults official) => official with
    {
        Width = reader.SizeOr("width", official.Width),
        Height = reader.SizeOr("height", official.Height),
        Frames = reader.SizeOr("frames", official.Frames),
        Guidance = reader.Has("guidance") ? reader.NonNegative("guidance", LargestScale) : official.Guidance,
        NegativePrompt = reader.Has("negative_prompt") ? reader.Text("negative_prompt") : official.NegativePrompt,
        FramesPerSecond = reader.Has("frames_per_second") ? reader.Positive("frames_per_second", (float)VideoClip.MaxFramesPerSecond) : official.FramesPerSecond,
    };

    private static SamplerKind ReadSampler(ConfigReader reader, SamplerKind otherwise)
    {
        if (!reader.Has("sampler")) return otherwise;
        return reader.Text("sampler") switch
        {
            "euler" => SamplerKind.Euler,
            "heun" => SamplerKind.Heun,
            var other => throw reader.Bad("sampler", $"is '{OneLine.Of(other)}', not 'euler' or 'heun'"),
        };
    }
}
