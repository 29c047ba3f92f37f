namespace Tuna2.Engine.Models;

/// <summary>
/// The flow head: the transformer that turns the language model's hidden states into the prediction of a denoising step. Its
/// hidden size and MLP width are the language model's.
/// </summary>
public sealed record FlowHeadConfig
{
    /// <summary>Transformer layers.</summary>
    public required int NumLayers { get; init; }

    /// <summary>Query heads.</summary>
    public required int NumAttentionHeads { get; init; }

    /// <summary>Key and value heads; divides <see cref="NumAttentionHeads"/>.</summary>
    public required int NumKeyValueHeads { get; init; }

    /// <summary>Channels of one head: hidden size / heads; a multiple of 16, which the image RoPE splits 4 : 6 : 6 over t, y, x.</summary>
    public required int HeadDim { get; init; }

    /// <summary>The epsilon of the layers' RMSNorms.</summary>
    public required float RmsNormEps { get; init; }

    /// <summary>The epsilon of the final layer's RMSNorm, and of the per-head norms of queries and keys.</summary>
    public required float FinalNormEps { get; init; }

    /// <summary>The base of the text tokens' rotary frequencies.</summary>
    public required float RopeTheta { get; init; }

    /// <summary>How the text tokens' rotary frequencies are scaled.</summary>
    public required RopeScaling RopeScaling { get; init; }

    /// <summary>The base of the image patches' rotary frequencies, the same on all three axes.</summary>
    public required float ImageRopeTheta { get; init; }
}
