using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/space_to_depth.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct SpaceToDepthArgs
{
    /// <summary>const float* (columns / 4, frames, height, width).</summary>
    public ulong Planes;
    /// <summary>float* (frames height/2 width/2, columns).</summary>
    public ulong Y;
    /// <summary>Columns of a pixel: four times the planes.</summary>
    public int Columns;
    /// <summary>Frames.</summary>
    public int Frames;
    /// <summary>Rows of the planes, even.</summary>
    public int Height;
    /// <summary>Columns of the planes, even.</summary>
    public int Width;
}

/// <summary>Host side of kernels/space_to_depth.cu.</summary>
public readonly record struct SpaceToDepth : IKernel<SpaceToDepthArgs>
{
    private const int Block = 256;

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get("space_to_depth");

    /// <inheritdoc/>
    public LaunchShape Shape(in SpaceToDepthArgs args) => args.Columns % 4 == 0 && args.Height % 2 == 0 && args.Width % 2 == 0
        ? LaunchShape.Of(Elements(args), Block)
        : throw new ArgumentException($"space_to_depth takes planes of even sides, not {args.Columns} columns of {args.Width} x {args.Height}");

    /// <inheritdoc/>
    public Cost Cost(in SpaceToDepthArgs args) => new(2 * Elements(args) * sizeof(float), 0);

    private static long Elements(in SpaceToDepthArgs args) => (long)args.Frames * (args.Height / 2) * (args.Width / 2) * args.Columns;
}
