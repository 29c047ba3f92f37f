using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/upsample_nearest.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct UpsampleNearestArgs
{
    /// <summary>const uint4* (frames height width, words).</summary>
    public ulong X;
    /// <summary>uint4* (frames 2 height 2 width, words).</summary>
    public ulong Y;
    /// <summary>16-byte words of y.</summary>
    public long Count;
    /// <summary>Words of a pixel of y.</summary>
    public int Words;
    /// <summary>Columns of x.</summary>
    public int Width;
}

/// <summary>Host side of kernels/upsample_nearest.cu.</summary>
public readonly record struct UpsampleNearest : IKernel<UpsampleNearestArgs>
{
    private const int Block = 256;

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get("upsample_nearest");

    /// <inheritdoc/>
    public LaunchShape Shape(in UpsampleNearestArgs args) => LaunchShape.Of(args.Count, Block);

    /// <inheritdoc/>
    public Cost Cost(in UpsampleNearestArgs args) => new(16 * (args.Count + args.Count / 4), 0);
}
