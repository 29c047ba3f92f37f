using Tuna2.Engine.Graph;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Models;

/// <summary>A linear layer: (out, in) and, where the checkpoint has one, its bias.</summary>
internal sealed record Linear(Weight Weight, Weight? Bias = null);

/// <summary>A layer of the LLM (Qwen2): pre-norm attention with q/k/v biases, pre-norm SwiGLU MLP.</summary>
internal sealed record LlmLayer(Weight InputNorm, Linear Qkv, Linear Output, Weight PostNorm, Linear GateUp, Linear Down);

/// <summary>A layer of the flow head: like the LLM's, with q/k norms, no biases, and AdaLN-Zero.</summary>
internal sealed record HeadLayer(
    Linear AdaLn, Weight InputNorm, Linear Qkv, Weight QueryNorm, Weight KeyNorm, Linear Output, Weight PostNorm, Linear GateUp, Linear Down);

/// <summary>Every weight of a model on one backend, under its checkpoint name; shared by sessions.</summary>
internal sealed class TunaWeights : IDisposable
{
    private readonly IReadOnlyList<IDeviceBuffer> _buffers;

    private TunaWeights(ModelConfig config, WeightPlacer load)
    {
        Embedding = load.Matrix("tuna.model.embed_tokens.weight");
        Layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => LlmLayer(load, i == 0 ? MatrixRole.EndLayer : MatrixRole.Layer, $"tuna.model.layers.{i}"))];
        FinalNorm = load.Vector("tuna.model.norm.weight");
        LanguageHead = config.TieWordEmbeddings ? Embedding : load.Matrix(MatrixRole.LanguageHead, "tuna.lm_head.weight");
        Vision = VisionWeights.Load(config, load);
        TimeIn = load.Biased("time_embed.mlp.0");
        TimeOut = load.Biased("time_embed.mlp.2");
        Head = [.. Enumerable.Range(0, config.FlowHead.NumLayers).Select(i => HeadLayer(load, i == config.FlowHead.NumLayers - 1 ? MatrixRole.EndLayer : MatrixRole.Layer, $"diffusion_head_a.{i}"))];
        HeadFinalAdaLn = load.Biased("diffusion_head_b.adaLN_modulation.1", MatrixRole.Modulation);
        HeadFinalNorm = load.Vector("diffusion_head_b.norm_final.weight");
        HeadFinal = load.Biased("diffusion_head_b.linear");
        Vae = config.Vae is { } vae ? VaeWeights.Load(vae, load) : null;
        _buffers = load.Release();
        Bytes = _buffers.Sum(b => b.Bytes);
    }

    /// <summary>(vocabulary, hidden).</summary>
    public Weight Embedding { get; }
    public IReadOnlyList<LlmLayer> Layers { get; }
    public Weight FinalNorm { get; }
    /// <summary>(vocabulary, hidden); the embedding itself where the model ties them.</summary>
    public Weight LanguageHead { get; }
    public VisionWeights Vision { get; }
    public Linear TimeIn { get; }
    public Linear TimeOut { get; }
    public IReadOnlyList<HeadLayer> Head { get; }
    public Linear HeadFinalAdaLn { get; }
    public Weight HeadFinalNorm { get; }
    /// <summary>(patch x patch x channels, hidden).</summary>
    public Linear HeadFinal { get; }

    /// <summary>The VAE; null where pixels are denoised.</summary>
    public VaeWeights? Vae { get; }

    /// <summary>Bytes on the backend.</summary>
    public long Bytes { get; }

    /// <summary>Loads everything the model needs; the checkpoint was checked against the manifest before.</summary>
    public static TunaWeights Load(ModelConfig config, Checkpoint checkpoint, IBackend backend, WeightFormat format, IProgress<LoadProgress>? progress, CancellationToken cancellation)
    {
        using var loader = new WeightLoader(checkpoint, backend, format, progress, cancellation);
        return new TunaWeights(config, loader);
    }

    /// <summary>As <see cref="Load"/>, of weights that are in no file: the backend makes them.</summary>
    public static TunaWeights Make(ModelConfig config, Checkpoint declared, IBackend backend, WeightFormat format, IProgress<LoadProgress>? progress, CancellationToken cancellation)
    {
        using var hasher = new WeightHasher(declared, backend, format, progress, cancellation);
        return new TunaWeights(config, hasher);
    }

    /// <summary>As <see cref="Load"/>, without reading: the memory is taken and left empty.</summary>
    public static TunaWeights Place(ModelConfig config, Checkpoint checkpoint, IBackend backend, WeightFormat format = WeightFormat.Stored)
    {
        using var placer = new WeightPlacer(checkpoint, backend, format);
        return new TunaWeights(config, placer);
    }

    public void Dispose()
    {
        foreach (var buffer in _buffers)
            buffer.Dispose();
    }

    private static LlmLayer LlmLayer(WeightPlacer load, MatrixRole role, string name) => new(
        load.Vector($"{name}.input_layernorm.weight"),
        new(load.Matrix(role, $"{name}.self_attn.q_proj.weight", $"{name}.self_attn.k_proj.weight", $"{name}.self_attn.v_proj.weight"),
            load.Vector($"{name}.self_attn.q_proj.bias", $"{name}.self_attn.k_proj.bias", $"{name}.self_attn.v_proj.bias")),
        new(load.Matrix(role, $"{name}.self_attn.o_proj.weight")),
        load.Vector($"{name}.post_attention_layernorm.weight"),
        new(load.Matrix(role, $"{name}.mlp.gate_proj.weight", $"{name}.mlp.up_proj.weight")),
        new(load.Matrix(role, $"{name}.mlp.down_proj.weight")));

    private static HeadLayer HeadLayer(WeightPlacer load, MatrixRole role, string name) => new(
        load.Biased($"{name}.adaLN_modulation.1", MatrixRole.Modulation),
        load.Vector($"{name}.input_layernorm.weight"),
        new(load.Matrix(role, $"{name}.self_attn.q_proj.weight", $"{name}.self_attn.k_proj.weight", $"{name}.self_attn.v_proj.weight")),
        load.Vector($"{name}.self_attn.q_norm.weight"),
        load.Vector($"{name}.self_attn.k_norm.weight"),
        new(load.Matrix(role, $"{name}.self_attn.o_proj.weight")),
        load.Vector($"{name}.post_attention_layernorm.weight"),
        new(load.Matrix(role, $"{name}.mlp.gate_proj.weight", $"{name}.mlp.up_proj.weight")),
        new(load.Matrix(role, $"{name}.mlp.down_proj.weight")));
}
