using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/attention_hopper.cu, as long as its alignment makes it.</summary>
[StructLayout(LayoutKind.Sequential, Size = 320)]
public struct AttentionHopperArgs
{
    /// <summary>The keys, (capacity, kv_heads D), in boxes of <see cref="AttentionHopper.BlockKeys"/> rows.</summary>
    public TensorMap Keys;
    /// <summary>The values, likewise.</summary>
    public TensorMap Values;
    /// <summary>const bf16*: the first heads x D columns of rows of RowColumns.</summary>
    public ulong Queries;
    /// <summary>bf16* (rows, heads D).</summary>
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

/// <summary>Host side of kernels/attention_hopper.cu (bfloat16).</summary>
/// <param name="HeadDim">Elements of a head: 64 or 128.</param>
/// <param name="Tiles">Tiles of <see cref="TileRows"/> packed rows.</param>
/// <param name="Work">How much there is to attend to, for the cost.</param>
public readonly record struct AttentionHopper(int HeadDim, int Tiles, AttentionWork Work) : IKernel<AttentionHopperArgs>
{
    /// <summary>Keys of a block: rows of a box of keys or values.</summary>
    public const int BlockKeys = 128;

    private const int WarpgroupRows = 64, Warpgroup = 128, BarrierBytes = 8;

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get($"attention_hopper_d{HeadDim}");

    /// <summary>Whether there is an instance for heads of so many elements.</summary>
    public static bool Takes(int headDim) => headDim is 64 or 128;

    /// <summary>Packed rows of a tile.</summary>
    public static int TileRows(int headDim) => Consumers(headDim) * WarpgroupRows;

    /// <inheritdoc/>
    public LaunchShape Shape(in AttentionHopperArgs args)
    {
        var stages = Stages(HeadDim);
        var panels = (TileRows(HeadDim) + 2 * stages * BlockKeys) * HeadDim * sizeof(ushort);
        var barriers = (4 * stages + 1) * BarrierBytes;
        return new(Tiles, args.KvHeads, 1, (1 + Consumers(HeadDim)) * Warpgroup, (panels + barriers + 1023) / 1024 * 1024);
    }

    /// <inheritdoc/>
    public Cost Cost(in AttentionHopperArgs args) => AttentionCost.Of(args.Heads, args.KvHeads, HeadDim, Work, sizeof(ushort));

    private static int Consumers(int headDim) => headDim == 64 ? 3 : 2;

    private static int Stages(int headDim) => headDim == 64 ? 3 : 2;
}
