using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/swiglu.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct SwiGluArgs
{
    /// <summary>const ELEMENT* (rows, 2 width): gate, up.</summary>
    public ulong X;
    /// <summary>ELEMENT* (rows, width).</summary>
    public ulong Y;
    /// <summary>Columns of y, a multiple of the 16-byte vector.</summary>
    public int Width;
    /// <summary>Unused: fills the last eight bytes.</summary>
    public int Padding;
}

/// <summary>Host side of kernels/swiglu.cu.</summary>
/// <param name="Element">Element type.</param>
/// <param name="Rows">Rows.</param>
public readonly record struct SwiGlu(ElementType Element, int Rows) : IKernel<SwiGluArgs>
{
    private const int Block = 256;

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get($"swiglu_{Element.Suffix()}");

    /// <inheritdoc/>
    public LaunchShape Shape(in SwiGluArgs args)
    {
        var vector = 16 / Element.Size();
        return args.Width % vector == 0
            ? new(Rows, (args.Width / vector + Block - 1) / Block, 1, Block)
            : throw new ArgumentException($"swiglu takes rows of whole 16-byte vectors, not of {args.Width}");
    }

    /// <inheritdoc/>
    public Cost Cost(in SwiGluArgs args)
    {
        var elements = (long)Rows * args.Width;
        return new(3 * elements * Element.Size(), 5 * elements);
    }
}
