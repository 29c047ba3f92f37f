using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Models;

/// <summary>(norm, SiLU, convolution) twice, and a 1x1x1 convolution beside it where the channels change.</summary>
internal sealed record VaeBlock(Weight Norm1, Linear Conv1, Weight Norm2, Linear Conv2, Linear? Shortcut);

/// <summary>Single-head attention within a frame.</summary>
internal sealed record VaeAttention(Weight Norm, Linear Qkv, Linear Output);

/// <summary>A level: residual blocks, then (but for the last level) a change of size, in space and perhaps in time.</summary>
internal sealed record VaeLevel(IReadOnlyList<VaeBlock> Blocks, Linear? Resample, Linear? TimeConv);

/// <summary>One direction of the VAE, in the order of the encoder; the decoder has its middle before its levels.</summary>
internal sealed record VaeStack(Linear In, IReadOnlyList<VaeLevel> Levels, VaeBlock Middle0, VaeAttention Middle1, VaeBlock Middle2, Weight HeadNorm, Linear Head);

/// <summary>
/// The weights of the Wan 2.2 VAE (MODEL.md section 7). Convolutions are rows of (frame, row, column, channel), the order pixels
/// have here; the checkpoint has the channel first.
/// </summary>
/// <param name="Encoder">Pixels to moments.</param>
/// <param name="Moments">(2 z, 2 z): behind the encoder.</param>
/// <param name="Latents">(z, z): before the decoder.</param>
/// <param name="Decoder">Latents to pixels.</param>
internal sealed record VaeWeights(VaeStack Encoder, Linear Moments, Linear Latents, VaeStack Decoder)
{
    /// <summary>Places them.</summary>
    public static VaeWeights Load(VaeConfig config, WeightPlacer load)
    {
        const string encoder = "vae.model.encoder", decoder = "vae.model.decoder";
        return new(
            Stack(load, encoder, [.. Enumerable.Range(0, config.DimMult.Count).Select(i =>
                Level(load, $"{encoder}.downsamples.{i}.downsamples", config.EncoderChannels[i], config.EncoderChannels[i + 1], config.NumResBlocks, Temporal(config.TemporalDownsample, i)))]),
            load.BiasedFull("vae.model.conv1"),
            load.BiasedFull("vae.model.conv2"),
            Stack(load, decoder, [.. Enumerable.Range(0, config.DimMult.Count).Select(i =>
                Level(load, $"{decoder}.upsamples.{i}.upsamples", config.DecoderChannels[i], config.DecoderChannels[i + 1], config.NumResBlocks + 1, Temporal(config.TemporalUpsample, i)))]));
    }

    /// <summary>Whether a level changes the frames too; null for the last, which changes nothing.</summary>
    private static bool? Temporal(IReadOnlyList<bool> levels, int i) => i < levels.Count ? levels[i] : null;

    private static VaeStack Stack(WeightPlacer load, string name, IReadOnlyList<VaeLevel> levels) => new(
        load.Convolution($"{name}.conv1"), levels,
        Block(load, $"{name}.middle.0", false),
        new(load.Vector($"{name}.middle.1.norm.gamma"), load.BiasedFull($"{name}.middle.1.to_qkv"), load.BiasedFull($"{name}.middle.1.proj")),
        Block(load, $"{name}.middle.2", false),
        load.Vector($"{name}.head.0.gamma"), load.Convolution($"{name}.head.2"));

    private static VaeLevel Level(WeightPlacer load, string name, int from, int to, int blocks, bool? temporal) => new(
        [.. Enumerable.Range(0, blocks).Select(i => Block(load, $"{name}.{i}", i == 0 && from != to))],
        temporal is null ? null : load.Convolution($"{name}.{blocks}.resample.1"),
        temporal is true ? load.Convolution($"{name}.{blocks}.time_conv") : null);

    private static VaeBlock Block(WeightPlacer load, string name, bool shortcut) => new(
        load.Vector($"{name}.residual.0.gamma"), load.Convolution($"{name}.residual.2"),
        load.Vector($"{name}.residual.3.gamma"), load.Convolution($"{name}.residual.6"),
        shortcut ? load.BiasedFull($"{name}.shortcut") : null);
}
