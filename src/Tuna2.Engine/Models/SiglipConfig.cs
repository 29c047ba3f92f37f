namespace Tuna2.Engine.Models;

/// <summary>The SigLIP 2 vision transformer of Tuna-R and Tuna. Its MLP uses the tanh form of GELU.</summary>
public sealed record SiglipConfig
{
    /// <summary>Channels of a token.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Width of the MLP.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Layers that run: the official models keep 26 of SigLIP's 27 and no norm behind them.</summary>
    public required int NumHiddenLayersKept { get; init; }

    /// <summary>Attention heads; divides <see cref="HiddenSize"/>.</summary>
    public required int NumAttentionHeads { get; init; }

    /// <summary>Side of the input the position table was made for: pixels (Tuna-R) or latent cells (Tuna).</summary>
    public required int ImageSize { get; init; }

    /// <summary>Side of a patch, in the same unit; equals the model's patch size.</summary>
    public required int PatchSize { get; init; }

    /// <summary>Channels of the input: 3 (pixels) or the VAE's latent channels.</summary>
    public required int NumChannels { get; init; }

    /// <summary>The epsilon of the LayerNorms.</summary>
    public required float LayerNormEps { get; init; }

    /// <summary>Side of the learned table of positions, in patches; other grids are interpolated from it.</summary>
    public int GridSize => ImageSize / PatchSize;
}
