using System.Runtime.InteropServices;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Cuda;

/// <summary>A sequence as kernels read it: the Sequence of kernels/common/sequences.cuh.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct DeviceSequence(
    int QBegin, int QLen, int KvBase, int PrefixLen, int PosBase, int ModRow, int Frames, int Height, int Width)
{
    public static DeviceSequence Of(Sequence s) =>
        new(s.QBegin, s.QLen, s.KvBase, s.PrefixLen, s.PosBase, s.ModRow, s.Span?.Frames ?? 0, s.Span?.Height ?? 0, s.Span?.Width ?? 0);
}

/// <summary>A batch's tables in device memory, for the length of a run.</summary>
internal sealed class DeviceTables : BoundBatch
{
    /// <summary>Blocks that share a key head's keys when decoding.</summary>
    public const int DecodeSplits = 16;

    private readonly IDeviceMemory _memory;
    private readonly List<IAddressable> _buffers = [];
    private readonly Dictionary<(int, int), (ulong, int)> _tiles = [];
    private (ulong Parts, ulong Finished, int PartFloats, int Counters)? _decode;

    public DeviceTables(Batch batch, IDeviceMemory memory) : base(batch)
    {
        _memory = memory;
        Sequences = Table<DeviceSequence>([.. batch.Sequences.Select(DeviceSequence.Of)], "sequences");
        RowSequence = Table<int>([.. batch.Sequences.SelectMany((s, i) => Enumerable.Repeat(i, s.QLen))], "row sequences");
        Tokens = Table<int>([.. batch.Tokens], "tokens");
        PatchPlaces = Table<PatchRows>([.. batch.Patches.Select(p => new PatchRows(p.Picture, p.FirstRow))], "patch placements");
        TimePairs = Table<RowPair>([.. batch.Times.Select(t => new RowPair(t.Time, t.Row))], "time placements");
        PickedPairs = Table<RowPair>([.. batch.Picked.Select((row, i) => new RowPair(row, i))], "picked rows");
    }

    public ulong Sequences { get; }
    public ulong RowSequence { get; }
    public ulong Tokens { get; }
    public ulong PatchPlaces { get; }
    public ulong TimePairs { get; }
    public ulong PickedPairs { get; }

    /// <summary>Positions a row may have: those of rotary tables.</summary>
    public int Positions => Batch.Sequences.Max(s => s.PosBase + s.QLen);

    /// <summary>Frames a patch may be in.</summary>
    public int Frames => Batch.Sequences.Max(s => s.Span?.Frames ?? 1);

    /// <summary>Rows or columns a patch may be in.</summary>
    public int Sides => Batch.Sequences.Max(s => s.Span is { } grid ? Math.Max(grid.Height, grid.Width) : 1);

    /// <summary>Every sequence is one row: decoding.</summary>
    public bool SingleRows => Batch.Sequences.All(s => s.QLen == 1);

    /// <summary>How much there is to attend to. Sequences over the same keys are one branch.</summary>
    public AttentionWork AttentionWork => new(
        Batch.Rows,
        Batch.Sequences.GroupBy(s => s.KvBase).Sum(branch => (long)branch.Max(s => s.KvLen)),
        Batch.Sequences.Sum(s => s.Span is null
            ? (long)s.QLen * s.PrefixLen + (long)s.QLen * (s.QLen + 1) / 2
            : (long)s.QLen * s.KvLen));

    /// <summary>The tiles attention covers the batch with, and how many.</summary>
    public (ulong Address, int Count) AttentionTiles(int group, int rowsPerTile)
    {
        if (!_tiles.TryGetValue((group, rowsPerTile), out var tiles))
        {
            var cover = AttentionTile.Cover([.. Batch.Sequences.Select(s => s.QLen)], group, rowsPerTile);
            _tiles[(group, rowsPerTile)] = tiles = (Table<AttentionTile>(cover, "attention tiles"), cover.Length);
        }
        return tiles;
    }

    /// <summary>Scratch of attention_decode; the counters are zero, and the kernel leaves them so.</summary>
    public (ulong Parts, ulong Finished) DecodeScratch(int partFloats, int counters)
    {
        if (_decode is not { } have || have.PartFloats < partFloats || have.Counters < counters)
            _decode = have = (Table<float>(new float[partFloats], "attention parts"), Table<int>(new int[counters], "attention counters"), partFloats, counters);
        return (have.Parts, have.Finished);
    }

    /// <summary>A step's numbers in device memory.</summary>
    public ulong Numbers(StepNumbers numbers) => Table<StepNumbers>([numbers], "step numbers");

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _buffers.ForEach(buffer => buffer.Dispose());
        base.Dispose(disposing);
    }

    private ulong Table<T>(ReadOnlySpan<T> values, string what) where T : unmanaged
    {
        var buffer = KernelBackend.Upload(_memory, values, what);
        _buffers.Add(buffer);
        return buffer.Address;
    }
}
