using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/round_rows.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct RoundRowsArgs
{
    /// <summary>const bf16* (rows, dim).</summary>
    public ulong X;
    /// <summary>OUTPUT* (rows, dim).</summary>
    public ulong Y;
    /// <summary>float* (rows) where the output is bytes, else 0.</summary>
    public ulong Scales;
    /// <summary>Columns: whole 16-byte vectors.</summary>
    public int Dim;
    /// <summary>Unused: fills the last eight bytes.</summary>
    public int Padding;
}

/// <summary>Host side of kernels/round_rows.cu.</summary>
/// <param name="Rows">Rows.</param>
/// <param name="ToBytes">The output is bytes and a scale a row, not the bfloat16 that those stand for.</param>
public readonly record struct RoundRows(int Rows, bool ToBytes = false) : IKernel<RoundRowsArgs>
{
    private const int Block = 256, Vectors = 10, Vector = 8;

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get(ToBytes ? "round_rows_e4m3" : "round_rows_bf16");

    /// <inheritdoc/>
    public LaunchShape Shape(in RoundRowsArgs args) => args.Dim % Vector == 0 && args.Dim <= Block * Vectors * Vector
        ? new(Rows, 1, 1, Block, Block / 32 * sizeof(float))
        : throw new ArgumentException($"round_rows takes rows of whole 16-byte vectors up to {Block * Vectors * Vector} elements, not of {args.Dim}");

    /// <inheritdoc/>
    public Cost Cost(in RoundRowsArgs args)
    {
        var elements = (long)Rows * args.Dim;
        return new(elements * (sizeof(ushort) + (ToBytes ? sizeof(byte) : sizeof(ushort))), 8 * elements);
    }
}
