using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/interleave_frames.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct InterleaveFramesArgs
{
    /// <summary>const uint4* (frames pixels, 2 words).</summary>
    public ulong X;
    /// <summary>uint4* (2 frames pixels, words).</summary>
    public ulong Y;
    /// <summary>16-byte words of y.</summary>
    public long Count;
    /// <summary>Words of a pixel of y.</summary>
    public int Words;
    /// <summary>Pixels of a frame.</summary>
    public int Pixels;
}

/// <summary>Host side of kernels/interleave_frames.cu.</summary>
public readonly record struct InterleaveFrames : IKernel<InterleaveFramesArgs>
{
    private const int Block = 256;

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get("interleave_frames");

    /// <inheritdoc/>
    public LaunchShape Shape(in InterleaveFramesArgs args) => LaunchShape.Of(args.Count, Block);

    /// <inheritdoc/>
    public Cost Cost(in InterleaveFramesArgs args) => new(2 * 16 * args.Count, 0);
}
