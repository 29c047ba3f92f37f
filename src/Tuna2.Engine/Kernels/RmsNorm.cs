using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/rms_norm.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct RmsNormArgs
{
    /// <summary>const ELEMENT* h (rows, dim).</summary>
    public ulong H;
    /// <summary>ELEMENT* y (rows, dim).</summary>
    public ulong Y;
    /// <summary>const float* weight (dim).</summary>
    public ulong Weight;
    /// <summary>const float* table (times, table_columns), or 0.</summary>
    public ulong Table;
    /// <summary>const Sequence* sequences.</summary>
    public ulong Sequences;
    /// <summary>const int* row_sequence (rows).</summary>
    public ulong RowSequence;
    /// <summary>Elements of a row.</summary>
    public int Dim;
    /// <summary>Columns of the table.</summary>
    public int TableColumns;
    /// <summary>First column of the shift, or -1.</summary>
    public int Shift;
    /// <summary>First column of the scale.</summary>
    public int Scale;
    /// <summary>Added to the mean square.</summary>
    public float Epsilon;
    /// <summary>Unused: fills the last eight bytes.</summary>
    public int Padding;
}

/// <summary>Host side of kernels/rms_norm.cu.</summary>
/// <param name="Element">Element type of the activations.</param>
/// <param name="Rows">Rows to normalise.</param>
public readonly record struct RmsNorm(ElementType Element, int Rows) : IKernel<RmsNormArgs>
{
    private const int Block = 256;

    /// <summary>Scratch of the block's reduction: a float per warp.</summary>
    private const int SharedBytes = Block / 32 * sizeof(float);

    /// <summary>The longest row the instances hold in registers: 256 threads x 4 vectors of 4, or 2 of 8.</summary>
    public const int MaxDim = 4096;

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get($"rms_norm_{Element.Suffix()}");

    /// <inheritdoc/>
    public LaunchShape Shape(in RmsNormArgs args) => args.Dim <= MaxDim && args.Dim % (16 / Element.Size()) == 0
        ? new(Rows, 1, 1, Block, SharedBytes)
        : throw new ArgumentException($"rms_norm takes rows of up to {MaxDim} elements in whole 16-byte vectors, not {args.Dim}");

    /// <inheritdoc/>
    public Cost Cost(in RmsNormArgs args)
    {
        var elements = (long)Rows * args.Dim;
        return new(2 * elements * Element.Size(), 4 * elements);
    }
}
