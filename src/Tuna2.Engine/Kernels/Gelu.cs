using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/gelu.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct GeluArgs
{
    /// <summary>const ELEMENT* (count).</summary>
    public ulong X;
    /// <summary>ELEMENT* (count); may be x.</summary>
    public ulong Y;
    /// <summary>Elements, a multiple of the 16-byte vector.</summary>
    public long Count;
    /// <summary>1 by the error function, 0 by tanh.</summary>
    public int Exact;
    /// <summary>Unused: fills the last eight bytes.</summary>
    public int Padding;
}

/// <summary>Host side of kernels/gelu.cu.</summary>
/// <param name="Element">Element type.</param>
public readonly record struct Gelu(ElementType Element) : IKernel<GeluArgs>
{
    private const int Block = 256;

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get($"gelu_{Element.Suffix()}");

    /// <inheritdoc/>
    public LaunchShape Shape(in GeluArgs args)
    {
        var vector = 16 / Element.Size();
        return args.Count % vector == 0
            ? new(checked((int)((args.Count / vector + Block - 1) / Block)), 1, 1, Block)
            : throw new ArgumentException($"gelu takes whole 16-byte vectors, not {args.Count} elements");
    }

    /// <inheritdoc/>
    public Cost Cost(in GeluArgs args) => new(2 * args.Count * Element.Size(), 8 * args.Count);
}
