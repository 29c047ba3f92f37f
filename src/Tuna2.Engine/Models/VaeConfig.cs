namespace Tuna2.Engine.Models;

/// <summary>The Wan 2.2 video VAE of the Tuna variant.</summary>
public sealed record VaeConfig
{
    /// <summary>Latent channels.</summary>
    public required int ZDim { get; init; }

    /// <summary>Channels of the encoder's first level before multiplication.</summary>
    public required int BaseDim { get; init; }

    /// <summary>Channels of the decoder's last level before multiplication.</summary>
    public required int DecDim { get; init; }

    /// <summary>Channel multipliers of the levels, finest first.</summary>
    public required IReadOnlyList<int> DimMult { get; init; }

    /// <summary>Residual blocks per encoder level; a decoder level has one more.</summary>
    public required int NumResBlocks { get; init; }

    /// <summary>For every encoder level but the last, whether it halves the frames as well; the decoder's order is the reverse.</summary>
    public required IReadOnlyList<bool> TemporalDownsample { get; init; }

    /// <summary>Pixels of the picture per latent cell, along one side: 16 for the official model.</summary>
    public int SpatialFactor => 2 << (DimMult.Count - 1);

    /// <summary>Frames of a clip per latent frame, from the second on: 4 for the official model. The first is a latent frame of its own.</summary>
    public int TemporalFactor => 1 << TemporalDownsample.Count(halves => halves);

    /// <summary>Latent frames of a clip: one for its first frame, one for every further <see cref="TemporalFactor"/>.</summary>
    /// <exception cref="RequestException">The frames are not 1 and whole pieces.</exception>
    public int LatentFrames(int frames) => frames > 0 && (frames - 1) % TemporalFactor == 0
        ? 1 + (frames - 1) / TemporalFactor
        : throw new RequestException($"a clip has 1, {1 + TemporalFactor}, {1 + 2 * TemporalFactor}, ... frames, not {frames}");

    /// <summary>Frames of the clip that so many latent frames decode to.</summary>
    public int PixelFrames(int latentFrames) => 1 + (latentFrames - 1) * TemporalFactor;

    /// <summary>Channels that enter encoder level l (index l) and leave it (index l + 1).</summary>
    public IReadOnlyList<int> EncoderChannels => [BaseDim, .. DimMult.Select(mult => BaseDim * mult)];

    /// <summary>Channels that enter decoder level l (index l) and leave it (index l + 1).</summary>
    public IReadOnlyList<int> DecoderChannels => [DecDim * DimMult[^1], .. DimMult.Reverse().Select(mult => DecDim * mult)];

    /// <summary>For every decoder level but the last, whether it doubles the frames as well.</summary>
    public IReadOnlyList<bool> TemporalUpsample => [.. TemporalDownsample.Reverse()];
}
