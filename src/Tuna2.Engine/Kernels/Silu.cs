using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/silu.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct SiluArgs
{
    /// <summary>const ELEMENT* (count).</summary>
    public ulong X;
    /// <summary>ELEMENT* (count); may be x.</summary>
    public ulong Y;
    /// <summary>Elements, a multiple of the 16-byte vector.</summary>
    public long Count;
}

/// <summary>Host side of kernels/silu.cu.</summary>
/// <param name="Element">Element type.</param>
public readonly record struct Silu(ElementType Element) : IKernel<SiluArgs>
{
    private const int Block = 256;

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get($"silu_{Element.Suffix()}");

    /// <inheritdoc/>
    public LaunchShape Shape(in SiluArgs args)
    {
        var vector = 16 / Element.Size();
        return args.Count % vector == 0
            ? new(checked((int)((args.Count / vector + Block - 1) / Block)), 1, 1, Block)
            : throw new ArgumentException($"silu takes whole 16-byte vectors, not {args.Count} elements");
    }

    /// <inheritdoc/>
    public Cost Cost(in SiluArgs args) => new(2 * args.Count * Element.Size(), 4 * args.Count);
}
