using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/attention.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct AttentionArgs
{
    /// <summary>const ELEMENT*: the first heads x D columns of rows of RowColumns.</summary>
    public ulong Queries;
    /// <summary>const ELEMENT* (capacity, kv_heads D).</summary>
    public ulong Keys;
    /// <summary>const ELEMENT* (capacity, kv_heads D).</summary>
    public ulong Values;
    /// <summary>ELEMENT* (rows, heads D).</summary>
    public ulong Y;
    /// <summary>const Sequence*.</summary>
    public ulong Sequences;
    /// <summary>const AttentionTile* (tiles).</summary>
    public ulong Tiles;
    /// <summary>Columns of a row of the projection.</summary>
    public int RowColumns;
    /// <summary>Query heads.</summary>
    public int Heads;
    /// <summary>Key heads.</summary>
    public int KvHeads;
    /// <summary>log2(e) / sqrt(D).</summary>
    public float Scale;
}

/// <summary>Host side of kernels/attention.cu (bfloat16).</summary>
/// <param name="HeadDim">Elements of a head: 64, 72 or 128.</param>
/// <param name="Tiles">Tiles of <see cref="TileRows"/> packed rows.</param>
/// <param name="VisibleKeys">Keys that rows see, summed over rows: for the cost.</param>
public readonly record struct Attention(int HeadDim, int Tiles, long VisibleKeys) : IKernel<AttentionArgs>
{
    /// <summary>Packed rows of a tile.</summary>
    public const int TileRows = 64;

    private const int BlockKeys = 64, Stages = 2, Block = 128;

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get($"attention_d{HeadDim}");

    /// <inheritdoc/>
    public LaunchShape Shape(in AttentionArgs args)
    {
        var stride = (HeadDim + 15) / 16 * 16 + 8;
        return new(Tiles, args.KvHeads, 1, Block, (TileRows + 2 * Stages * BlockKeys) * stride * sizeof(ushort));
    }

    /// <inheritdoc/>
    public Cost Cost(in AttentionArgs args) => AttentionCost.Of(args.Heads, args.KvHeads, HeadDim, (long)Tiles * TileRows, VisibleKeys, sizeof(ushort));
}
