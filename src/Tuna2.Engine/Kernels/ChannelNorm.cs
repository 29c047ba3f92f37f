using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/channel_norm.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct ChannelNormArgs
{
    /// <summary>const float* (pixels, channels).</summary>
    public ulong X;
    /// <summary>float* (pixels, channels); may be x.</summary>
    public ulong Y;
    /// <summary>const float* (channels).</summary>
    public ulong Gamma;
    /// <summary>Pixels.</summary>
    public int Pixels;
    /// <summary>Channels, a multiple of 4.</summary>
    public int Channels;
    /// <summary>1 where SiLU follows.</summary>
    public int Silu;
    /// <summary>Unused: fills the last eight bytes.</summary>
    public int Padding;
}

/// <summary>Host side of kernels/channel_norm.cu.</summary>
public readonly record struct ChannelNorm : IKernel<ChannelNormArgs>
{
    private const int Block = 256, PixelsPerBlock = Block / 32;

    /// <summary>The most channels the instance holds in registers: 32 lanes x 8 vectors of 4.</summary>
    public const int MaxChannels = 1024;

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get("channel_norm");

    /// <inheritdoc/>
    public LaunchShape Shape(in ChannelNormArgs args) => args.Channels <= MaxChannels && args.Channels % 4 == 0
        ? new((args.Pixels + PixelsPerBlock - 1) / PixelsPerBlock, 1, 1, Block)
        : throw new ArgumentException($"channel_norm takes up to {MaxChannels} channels in whole 16-byte vectors, not {args.Channels}");

    /// <inheritdoc/>
    public Cost Cost(in ChannelNormArgs args)
    {
        var elements = (long)args.Pixels * args.Channels;
        return new(2 * elements * sizeof(float), (args.Silu == 0 ? 4 : 8) * elements);
    }
}
