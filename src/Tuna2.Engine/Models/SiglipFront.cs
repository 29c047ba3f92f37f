using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Models;

/// <summary>
/// The visual front of Tuna-R and Tuna: the SigLIP 2 vision transformer and a projector (MODEL.md section 3, "Tuna-R front";
/// official tuna_2r_pixel.py, tuna.py). It runs on the noisy picture or latent, at every evaluation, on a clip frame by frame.
/// </summary>
internal sealed class SiglipFront(ModelConfig config, SiglipWeights weights) : VisionFront
{
    /// <summary>Of the projector's RMSNorm (official: fixed in code).</summary>
    private const float ProjectorNormEps = 1e-6f;

    /// <summary>What the encoder's features are called, for parity: (patches, SigLIP hidden).</summary>
    public const string Features = "siglip";

    /// <summary>What the projected features are called, for parity: (patches, hidden).</summary>
    public const string Projected = "projected";

    private readonly SiglipConfig _siglip = config.Siglip ?? throw new ArgumentException("the model has no SigLIP", nameof(config));

    public override void Embed(ModelGraph graph, PictureState pictures, int most, Value x)
    {
        var grid = new Grid(1, pictures.Height / config.PatchSize, pictures.Width / config.PatchSize);
        graph.Add(new PlacePatches("siglip_proj", Project(graph, pictures, grid, most), pictures.Frames * grid.Count, x));
    }

    /// <summary>The projected features of the batch's pictures, one picture behind the other: (pictures x frames x patches, hidden).</summary>
    public Value Project(ModelGraph graph, PictureState pictures, Grid grid, int most)
    {
        var h = Encode(graph, pictures, grid, most);
        var normed = ModelGraph.Transient("siglip_proj.0", h.Rows, _siglip.HiddenSize);
        var active = ModelGraph.Transient("siglip_proj.2", h.Rows, config.HiddenSize);
        var output = ModelGraph.Transient(Projected, h.Rows, config.HiddenSize);
        graph.Add(new RmsNorm("siglip_proj.0", h, weights.ProjectorNorm, ProjectorNormEps, normed));
        graph.Add(new MatMul("siglip_proj.1", normed, weights.ProjectorIn.Weight, active, weights.ProjectorIn.Bias, activation: Activation.Gelu));
        graph.Add(new MatMul("siglip_proj.3", active, weights.ProjectorOut.Weight, output, weights.ProjectorOut.Bias));
        return output;
    }

    /// <summary>The transformer, without a norm behind it: (pictures x frames x patches, SigLIP hidden).</summary>
    private Value Encode(ModelGraph graph, PictureState pictures, Grid grid, int most)
    {
        var count = pictures.Frames * grid.Count;
        var rows = new Extent("patches", most * count);
        graph.Count(rows, batch => batch.Patches.Count * count);
        var h = ModelGraph.Transient("vision_model.embeddings", rows, _siglip.HiddenSize);
        graph.Add(new PatchEmbedding("vision_model.embeddings", pictures.Pictures, weights.Patch.Weight, weights.Patch.Bias!, weights.Positions,
            config.PatchSize, _siglip.NumChannels, pictures.Height, pictures.Width, h, pictures.Frames));
        for (var i = 0; i < weights.Layers.Count; i++)
            h = Layer(graph, i, h, grid);
        return h;
    }

    private Value Layer(ModelGraph graph, int i, Value h, Grid grid)
    {
        var (layer, name, width) = (weights.Layers[i], $"vision_model.encoder.layers.{i}", _siglip.HiddenSize);
        var shape = new AttentionShape(_siglip.NumAttentionHeads, _siglip.NumAttentionHeads, width / _siglip.NumAttentionHeads);
        var normed = ModelGraph.Transient($"{name}.layer_norm1", h.Rows, width);
        var qkv = ModelGraph.Transient($"{name}.qkv", h.Rows, shape.QkvColumns);
        var keys = ModelGraph.Transient($"{name}.keys", h.Rows, shape.KvColumns);
        var values = ModelGraph.Transient($"{name}.values", h.Rows, shape.KvColumns);
        var mixed = ModelGraph.Transient($"{name}.attention", h.Rows, shape.QueryColumns);
        var middle = ModelGraph.Transient($"{name}.middle", h.Rows, width);
        var normed2 = ModelGraph.Transient($"{name}.layer_norm2", h.Rows, width);
        var active = ModelGraph.Transient($"{name}.mlp.act", h.Rows, _siglip.IntermediateSize);
        var output = ModelGraph.Transient(i == weights.Layers.Count - 1 ? Features : $"siglip_layer_{i}", h.Rows, width);
        graph.Add(new LayerNorm($"{name}.layer_norm1", h, layer.Norm1.Weight, layer.Norm1.Bias, _siglip.LayerNormEps, normed));
        graph.Add(new MatMul($"{name}.self_attn.qkv_proj", normed, layer.Qkv.Weight, qkv, layer.Qkv.Bias));
        graph.Add(new QkvToCache($"{name}.self_attn.split", qkv, shape, null, null, null, 0, keys, values, grid));
        graph.Add(new Attention($"{name}.self_attn", qkv, shape, keys, values, mixed, grid));
        graph.Add(new MatMul($"{name}.self_attn.out_proj", mixed, layer.Output.Weight, middle, layer.Output.Bias, residual: h));
        graph.Add(new LayerNorm($"{name}.layer_norm2", middle, layer.Norm2.Weight, layer.Norm2.Bias, _siglip.LayerNormEps, normed2));
        graph.Add(new MatMul($"{name}.mlp.fc1", normed2, layer.In.Weight, active, layer.In.Bias, activation: Activation.GeluTanh));
        graph.Add(new MatMul($"{name}.mlp.fc2", active, layer.Out.Weight, output, layer.Out.Bias, residual: middle));
        return output;
    }
}
