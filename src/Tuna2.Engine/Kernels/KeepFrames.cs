using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/keep_frames.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct KeepFramesArgs
{
    /// <summary>const uint4* (frames, words).</summary>
    public ulong X;
    /// <summary>uint4* (kept, words), updated.</summary>
    public ulong Past;
    /// <summary>16-byte words of a frame.</summary>
    public long Words;
    /// <summary>Frames of the input.</summary>
    public int Frames;
    /// <summary>Frames of the past.</summary>
    public int Kept;
}

/// <summary>Host side of kernels/keep_frames.cu.</summary>
public readonly record struct KeepFrames : IKernel<KeepFramesArgs>
{
    private const int Block = 256;

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get("keep_frames");

    /// <inheritdoc/>
    public LaunchShape Shape(in KeepFramesArgs args) => new(checked((int)((args.Words + Block - 1) / Block)), 1, 1, Block);

    /// <inheritdoc/>
    public Cost Cost(in KeepFramesArgs args) => new(2 * 16 * args.Words * args.Kept, 0);
}
