using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Cuda;

/// <summary>A batch whose tables are in device memory: where they are, and what decides launches.</summary>
/// <param name="batch">The batch; of a schedule, one of those with the same shape.</param>
/// <param name="layout">Where tables lie.</param>
/// <param name="varying">The block of what changes from step to step.</param>
/// <param name="shaped">The block of what the sequences' lengths decide.</param>
/// <param name="scratch">Working memory of attention_decode, of some floats and counters.</param>
internal sealed class DeviceTables(Batch batch, TableLayout layout, ulong varying, ulong shaped, Func<int, int, (ulong Parts, ulong Finished)> scratch)
{
    /// <summary>Blocks that share a key head's keys when decoding.</summary>
    public const int DecodeSplits = 16;

    public Batch Batch { get; } = batch;
    public ulong Sequences => varying + (ulong)layout.Sequences;
    public ulong PatchPlaces => varying + (ulong)layout.Patches;
    public ulong PlacedPairs => varying + (ulong)layout.Placed;
    public ulong TimePairs => varying + (ulong)layout.Times;
    public ulong PickedPairs => varying + (ulong)layout.Picked;
    public ulong RecalledPairs => varying + (ulong)layout.Recalled;
    public ulong Numbers => varying + (ulong)layout.Numbers;
    public ulong Draw => varying + (ulong)layout.Draw;
    public ulong Tokens => varying + (ulong)layout.Tokens;
    public ulong RowSequence => shaped + (ulong)layout.RowSequence;

    /// <summary>Positions a row may have, in any batch of the graph.</summary>
    public int Positions => layout.Keys;

    /// <summary>Frames a patch may be in.</summary>
    public int Frames => Batch.Sequences.Max(s => s.Span?.Frames ?? 1);

    /// <summary>Rows or columns a patch may be in.</summary>
    public int Sides => Batch.Sequences.Max(s => s.Span is { } grid ? Math.Max(grid.Height, grid.Width) : 1);

    /// <summary>Every sequence is one row: decoding.</summary>
    public bool SingleRows => Batch.Sequences.All(s => s.QLen == 1);

    /// <summary>How much there is to attend to. Sequences over the same keys are one branch.</summary>
    public AttentionWork AttentionWork { get; } = new(
        batch.Rows,
        batch.Sequences.GroupBy(s => s.KvBase).Sum(branch => (long)branch.Max(s => s.KvLen)),
        batch.Sequences.Sum(s => s.Span is null
            ? (long)s.QLen * s.PrefixLen + (long)s.QLen * (s.QLen + 1) / 2
            : (long)s.QLen * s.KvLen));

    /// <summary>The tiles attention covers the batch with, and how many.</summary>
    public (ulong Address, int Count) AttentionTiles(int group, int rowsPerTile) => (
        shaped + (ulong)layout.Tiles(group, rowsPerTile),
        Batch.Sequences.Sum(s => (s.QLen * group + rowsPerTile - 1) / rowsPerTile));

    /// <summary>Pictures that attend to themselves alone, the tiles attention covers them with, and how many those are.</summary>
    public (ulong Sequences, ulong Tiles, int Count) PictureTiles(Grid grid, int group, int rowsPerTile, int pictures)
    {
        var (sequences, tiles, perPicture) = layout.PictureTiles(grid, group, rowsPerTile);
        return (shaped + (ulong)sequences, shaped + (ulong)tiles, pictures * perPicture);
    }

    /// <summary>Scratch of attention_decode; the counters are zero, and the kernel leaves them so.</summary>
    public (ulong Parts, ulong Finished) DecodeScratch(int partFloats, int counters) => scratch(partFloats, counters);
}
