using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/depth_to_space.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct DepthToSpaceArgs
{
    /// <summary>const float* (frames height/2 width/2, columns).</summary>
    public ulong X;
    /// <summary>float* (columns / 4, frames, height, width).</summary>
    public ulong Planes;
    /// <summary>Columns of a pixel: four times the planes.</summary>
    public int Columns;
    /// <summary>Frames.</summary>
    public int Frames;
    /// <summary>Rows of the planes, even.</summary>
    public int Height;
    /// <summary>Columns of the planes, even.</summary>
    public int Width;
}

/// <summary>Host side of kernels/depth_to_space.cu.</summary>
public readonly record struct DepthToSpace : IKernel<DepthToSpaceArgs>
{
    private const int Block = 256;

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get("depth_to_space");

    /// <inheritdoc/>
    public LaunchShape Shape(in DepthToSpaceArgs args) => args.Columns % 4 == 0 && args.Height % 2 == 0 && args.Width % 2 == 0
        ? LaunchShape.Of(Elements(args), Block)
        : throw new ArgumentException($"depth_to_space takes planes of even sides, not {args.Columns} columns of {args.Width} x {args.Height}");

    /// <inheritdoc/>
    public Cost Cost(in DepthToSpaceArgs args) => new(2 * Elements(args) * sizeof(float), 0);

    private static long Elements(in DepthToSpaceArgs args) => (long)args.Frames * (args.Height / 2) * (args.Width / 2) * args.Columns;
}
