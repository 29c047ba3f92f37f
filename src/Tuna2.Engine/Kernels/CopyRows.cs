using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>A row to copy: the RowPair of kernels/copy_rows.cu.</summary>
/// <param name="From">Row of the source.</param>
/// <param name="To">Row of the destination.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct RowPair(int From, int To);

/// <summary>The argument of kernels/copy_rows.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct CopyRowsArgs
{
    /// <summary>const RowPair* (count).</summary>
    public ulong Pairs;
    /// <summary>const uint4* (*, words).</summary>
    public ulong X;
    /// <summary>uint4* (*, words).</summary>
    public ulong Y;
    /// <summary>16-byte words of a row.</summary>
    public int Words;
    /// <summary>Neighbouring rows that a pair stands for.</summary>
    public int Rows;
}

/// <summary>Host side of kernels/copy_rows.cu.</summary>
/// <param name="Count">Pairs.</param>
public readonly record struct CopyRows(int Count) : IKernel<CopyRowsArgs>
{
    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get("copy_rows");

    /// <inheritdoc/>
    public LaunchShape Shape(in CopyRowsArgs args) => args.Rows > 0
        ? new(checked(Count * args.Rows), 1, 1, 128)
        : throw new ArgumentException($"copy_rows copies one row or more for a pair, not {args.Rows}");

    /// <inheritdoc/>
    public Cost Cost(in CopyRowsArgs args) => new(2L * Count * args.Rows * args.Words * 16, 0);
}
