using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/conv3d.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct Conv3dArgs
{
    /// <summary>const float* (frames, height, width, channels).</summary>
    public ulong X;
    /// <summary>const float* (past_frames, height, width, channels), or 0.</summary>
    public ulong Past;
    /// <summary>const float* (n, w_stride): from the first tap on.</summary>
    public ulong W;
    /// <summary>const float* (n).</summary>
    public ulong Bias;
    /// <summary>const float* (pixels, n), or 0; may be y.</summary>
    public ulong Residual;
    /// <summary>float* (pixels, n).</summary>
    public ulong Y;
    /// <summary>Floats from a channel's weights to the next's.</summary>
    public long WStride;
    /// <summary>Pixels of y.</summary>
    public int Pixels;
    /// <summary>Channels of y, a multiple of 4.</summary>
    public int N;
    /// <summary>Channels of x, a multiple of 4.</summary>
    public int Channels;
    /// <summary>Rows of x.</summary>
    public int Height;
    /// <summary>Columns of x.</summary>
    public int Width;
    /// <summary>Frames of the past.</summary>
    public int PastFrames;
    /// <summary>Rows of y.</summary>
    public int OutHeight;
    /// <summary>Columns of y.</summary>
    public int OutWidth;
    /// <summary>Frames of the kernel.</summary>
    public int Frames;
    /// <summary>Rows and columns of the kernel.</summary>
    public int Side;
    /// <summary>Frames between two that are computed.</summary>
    public int FrameStride;
    /// <summary>Rows and columns between two that are computed.</summary>
    public int Stride;
    /// <summary>Zero rows above and columns to the left.</summary>
    public int Before;
    /// <summary>Frames of zeros before the past.</summary>
    public int ZeroFrames;
}

/// <summary>Host side of kernels/conv3d.cu.</summary>
public readonly record struct Conv3d : IKernel<Conv3dArgs>
{
    private const int TileM = 128, TileN = 64, Depth = 16, Block = 256, Vector = 4;

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get("conv3d");

    /// <inheritdoc/>
    public LaunchShape Shape(in Conv3dArgs args) => args.Channels % Vector == 0 && args.N % Vector == 0
        ? new((args.Pixels + TileM - 1) / TileM, (args.N + TileN - 1) / TileN, 1, Block, 2 * Depth * (TileM + TileN) * sizeof(float))
        : throw new ArgumentException($"conv3d takes channels in 16-byte vectors, not {args.Channels} to {args.N}");

    /// <inheritdoc/>
    public Cost Cost(in Conv3dArgs args)
    {
        long depth = (long)args.Frames * args.Side * args.Side * args.Channels, read = (long)args.Pixels * args.Stride * args.Stride * args.FrameStride * args.Channels;
        return new(sizeof(float) * (read + depth * args.N + (args.Residual == 0 ? 1 : 2) * (long)args.Pixels * args.N), 2 * depth * args.Pixels * args.N);
    }
}
