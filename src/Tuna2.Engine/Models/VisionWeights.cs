using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Models;

/// <summary>The weights of what turns a picture into tokens: which kind it is, the variant says.</summary>
internal abstract record VisionWeights
{
    /// <summary>Places what a variant has.</summary>
    public static VisionWeights Load(ModelConfig config, WeightPlacer load) => config.Siglip is { } siglip
        ? SiglipWeights.Load(siglip, load)
        : new PatchifyWeights(
            new(load.Matrix("vision_encoder.patch_embedding.weight"), load.Vector("vision_encoder.patch_embedding.bias")),
            load.Vector("vision_encoder.norm.weight"));
}

/// <summary>Tuna-2's: a convolution and a norm.</summary>
/// <param name="Patch">(hidden, channels x patch x patch).</param>
/// <param name="Norm">(hidden).</param>
internal sealed record PatchifyWeights(Linear Patch, Weight Norm) : VisionWeights;

/// <summary>A norm that centres: weight and bias, (columns) each.</summary>
internal sealed record LayerNormWeights(Weight Weight, Weight Bias);

/// <summary>A layer of SigLIP 2: pre-norm attention and MLP, biases throughout.</summary>
internal sealed record SiglipLayer(LayerNormWeights Norm1, Linear Qkv, Linear Output, LayerNormWeights Norm2, Linear In, Linear Out);

/// <summary>SigLIP 2 and the projector behind it.</summary>
/// <param name="Patch">(SigLIP hidden, channels x patch x patch).</param>
/// <param name="Positions">(side x side, SigLIP hidden).</param>
/// <param name="Layers">Those that run.</param>
/// <param name="ProjectorNorm">(SigLIP hidden): RMSNorm.</param>
/// <param name="ProjectorIn">(hidden, SigLIP hidden).</param>
/// <param name="ProjectorOut">(hidden, hidden).</param>
internal sealed record SiglipWeights(Linear Patch, Weight Positions, IReadOnlyList<SiglipLayer> Layers, Weight ProjectorNorm, Linear ProjectorIn, Linear ProjectorOut) : VisionWeights
{
    /// <summary>Places them.</summary>
    public static SiglipWeights Load(SiglipConfig config, WeightPlacer load) => new(
        load.Biased("vision_model.embeddings.patch_embedding"),
        load.Matrix("vision_model.embeddings.position_embedding.weight"),
        [.. Enumerable.Range(0, config.NumHiddenLayersKept).Select(i => Layer(load, $"vision_model.encoder.layers.{i}"))],
        load.Vector("siglip_proj.0.weight"), load.Biased("siglip_proj.1"), load.Biased("siglip_proj.3"));

    private static SiglipLayer Layer(WeightPlacer load, string name) => new(
        Norm(load, $"{name}.layer_norm1"),
        new(load.Matrix($"{name}.self_attn.q_proj.weight", $"{name}.self_attn.k_proj.weight", $"{name}.self_attn.v_proj.weight"),
            load.Vector($"{name}.self_attn.q_proj.bias", $"{name}.self_attn.k_proj.bias", $"{name}.self_attn.v_proj.bias")),
        load.Biased($"{name}.self_attn.out_proj"),
        Norm(load, $"{name}.layer_norm2"),
        load.Biased($"{name}.mlp.fc1"),
        load.Biased($"{name}.mlp.fc2"));

    private static LayerNormWeights Norm(WeightPlacer load, string name) => new(load.Vector($"{name}.weight"), load.Vector($"{name}.bias"));
}
