using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/duplicate_up.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct DuplicateUpArgs
{
    /// <summary>const float* (frames, height, width, channels): what entered the level.</summary>
    public ulong X;
    /// <summary>const float* (pixels, n): what came through it.</summary>
    public ulong Main;
    /// <summary>float* (pixels, n); may be main.</summary>
    public ulong Y;
    /// <summary>Elements of y.</summary>
    public long Count;
    /// <summary>Channels of y, a multiple of 4.</summary>
    public int N;
    /// <summary>Copies of a channel of x.</summary>
    public int Repeats;
    /// <summary>Channels of x.</summary>
    public int Channels;
    /// <summary>Rows of x.</summary>
    public int Height;
    /// <summary>Columns of x.</summary>
    public int Width;
    /// <summary>Frames of a block.</summary>
    public int Frames;
    /// <summary>Rows and columns of a block.</summary>
    public int Side;
    /// <summary>Frames left out at the front.</summary>
    public int Dropped;
}

/// <summary>Host side of kernels/duplicate_up.cu.</summary>
public readonly record struct DuplicateUp : IKernel<DuplicateUpArgs>
{
    private const int Block = 256, Vector = 4;

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get("duplicate_up");

    /// <inheritdoc/>
    public LaunchShape Shape(in DuplicateUpArgs args) => args.N % Vector == 0
        ? LaunchShape.Of(args.Count / Vector, Block)
        : throw new ArgumentException($"duplicate_up takes channels in 16-byte vectors, not {args.N}");

    /// <inheritdoc/>
    public Cost Cost(in DuplicateUpArgs args) => new(sizeof(float) * (args.Count / args.Repeats + 2 * args.Count), args.Count);
}
