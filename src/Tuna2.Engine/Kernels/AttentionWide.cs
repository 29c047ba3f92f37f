using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/attention_wide.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct AttentionWideArgs
{
    /// <summary>const float*: the first dim columns of rows of RowColumns.</summary>
    public ulong Queries;
    /// <summary>const float* (frames x rows, dim).</summary>
    public ulong Keys;
    /// <summary>const float* (frames x rows, dim).</summary>
    public ulong Values;
    /// <summary>float* (frames x rows, dim).</summary>
    public ulong Y;
    /// <summary>Columns of a row of the projection.</summary>
    public int RowColumns;
    /// <summary>Rows of a frame.</summary>
    public int Rows;
    /// <summary>Elements of a row, a multiple of 4.</summary>
    public int Dim;
    /// <summary>log2(e) / sqrt(dim).</summary>
    public float Scale;
}

/// <summary>Host side of kernels/attention_wide.cu.</summary>
/// <param name="Frames">Frames, each of which attends to itself.</param>
public readonly record struct AttentionWide(int Frames) : IKernel<AttentionWideArgs>
{
    /// <summary>The longest row whose queries shared memory holds.</summary>
    public const int MaxDim = 1024;

    private const int TileRows = 16, BlockKeys = 64, Depth = 32, Groups = 4, Block = 256;

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get("attention_wide");

    /// <inheritdoc/>
    public LaunchShape Shape(in AttentionWideArgs args) => args.Dim <= MaxDim && args.Dim % 4 == 0
        ? new((args.Rows + TileRows - 1) / TileRows, Frames, 1, Block,
            (TileRows * (MaxDim + 4) + 2 * BlockKeys * (Depth + 4) + Groups * TileRows * BlockKeys + TileRows) * sizeof(float))
        : throw new ArgumentException($"attention_wide takes rows of up to {MaxDim} elements in whole 16-byte vectors, not {args.Dim}");

    /// <inheritdoc/>
    public Cost Cost(in AttentionWideArgs args)
    {
        var rows = (long)Frames * args.Rows;
        return AttentionCost.Of(1, 1, args.Dim, new AttentionWork(rows, rows, rows * args.Rows), sizeof(float));
    }
}
