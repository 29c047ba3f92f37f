using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/layer_norm.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct LayerNormArgs
{
    /// <summary>const ELEMENT* (rows, dim).</summary>
    public ulong X;
    /// <summary>ELEMENT* (rows, dim); may be x.</summary>
    public ulong Y;
    /// <summary>const float* (dim).</summary>
    public ulong Weight;
    /// <summary>const float* (dim).</summary>
    public ulong Bias;
    /// <summary>Elements of a row.</summary>
    public int Dim;
    /// <summary>Added to the variance.</summary>
    public float Epsilon;
}

/// <summary>Host side of kernels/layer_norm.cu.</summary>
/// <param name="Element">Element type of the activations.</param>
/// <param name="Rows">Rows to normalise.</param>
public readonly record struct LayerNorm(ElementType Element, int Rows) : IKernel<LayerNormArgs>
{
    private const int Block = 128;

    /// <summary>Scratch of the block's reduction: a float per warp.</summary>
    private const int SharedBytes = Block / 32 * sizeof(float);

    /// <summary>The longest row the instances hold in registers: 128 threads x 4 vectors of 4, or 2 of 8.</summary>
    public const int MaxDim = 2048;

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get($"layer_norm_{Element.Suffix()}");

    /// <inheritdoc/>
    public LaunchShape Shape(in LayerNormArgs args) => args.Dim <= MaxDim && args.Dim % (16 / Element.Size()) == 0
        ? new(Rows, 1, 1, Block, SharedBytes)
        : throw new ArgumentException($"layer_norm takes rows of up to {MaxDim} elements in whole 16-byte vectors, not {args.Dim}");

    /// <inheritdoc/>
    public Cost Cost(in LayerNormArgs args)
    {
        var elements = (long)Rows * args.Dim;
        return new(2 * elements * Element.Size(), 7 * elements);
    }
}
