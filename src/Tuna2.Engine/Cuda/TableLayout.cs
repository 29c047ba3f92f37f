using System.Runtime.InteropServices;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;
using Ops = Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Cuda;

/// <summary>A sequence as kernels read it: the Sequence of kernels/common/sequences.cuh.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct DeviceSequence(
    int QBegin, int QLen, int KvBase, int PrefixLen, int PosBase, int ModRow, int Frames, int Height, int Width)
{
    public static DeviceSequence Of(Sequence s) =>
        new(s.QBegin, s.QLen, s.KvBase, s.PrefixLen, s.PosBase, s.ModRow, s.Span?.Frames ?? 0, s.Span?.Height ?? 0, s.Span?.Width ?? 0);
}

/// <summary>
/// Where a graph's tables lie in device memory, at the bounds of its batches: those that change from step to step in one block,
/// which a step's beginning replaces, and those that only the lengths of sequences decide in another. Writes them, and checks
/// that what they name is there: a kernel would not.
/// </summary>
internal sealed class TableLayout
{
    /// <summary>What async copies and the widest loads need, and the words kernels/advance_step.cu copies.</summary>
    private const int Alignment = 16;

    private readonly BatchBounds _bounds;
    private readonly int _rows;
    private readonly int _vocabulary;
    private readonly int _times;
    private readonly int _modulations = int.MaxValue;
    private readonly int _pictures;
    private readonly int _patchRows;
    private readonly int _placedRows;
    private readonly int _recalledRows;
    private readonly int _prefixes;
    private readonly int _predictions;
    private readonly int _stepped;
    private readonly int _patchesOfPicture;
    private readonly bool _draws;
    private readonly List<(int Group, int RowsPerTile, int Offset, int Room)> _tiles = [];
    private readonly List<PictureTables> _pictureTables = [];

    /// <summary>Where the sequences and tiles of pictures that attend to themselves lie: all that there may be, the first being the first pictures'.</summary>
    private sealed record PictureTables(Grid Grid, int Group, int RowsPerTile, int Pictures, int Sequences, int Tiles)
    {
        public int TilesPerPicture => (Grid.Count * Group + RowsPerTile - 1) / RowsPerTile;
    }

    /// <param name="plan">The graph: only tables that its ops read are there.</param>
    /// <param name="bounds">What its batches hold at most.</param>
    /// <param name="tileRows">Packed rows of a tile of the attention that will run, by elements of a head.</param>
    public TableLayout(Plan plan, BatchBounds bounds, Func<int, int> tileRows)
    {
        _bounds = bounds;
        _rows = bounds.Rows?.Max ?? 0;
        var ops = plan.Graph.Ops;
        _vocabulary = ops.OfType<Ops.EmbeddingGather>().FirstOrDefault()?.Table.Rows ?? 0;
        _times = ops.OfType<Ops.PlaceTime>().FirstOrDefault()?.Embeddings.Rows.Max ?? 0;
        var (patchify, embedding, placed) = (ops.OfType<Ops.Patchify>().FirstOrDefault(), ops.OfType<Ops.PatchEmbedding>().FirstOrDefault(), ops.OfType<Ops.PlacePatches>().FirstOrDefault());
        _pictures = (patchify?.Pictures ?? embedding?.Pictures)?.Rows.Max ?? 0;
        _placedRows = placed?.PerPicture ?? 0;
        _patchRows = patchify?.PatchCount ?? _placedRows;
        if (ops.OfType<Ops.RecallPrefix>().FirstOrDefault() is { } recall)
            (_recalledRows, _prefixes) = (recall.PerPrefix, recall.Kept.Rows.Max / recall.PerPrefix);
        var step = ops.OfType<Ops.VelocityStep>().FirstOrDefault();
        _predictions = step?.Predictions?.Rows.Max ?? int.MaxValue;
        (_stepped, _patchesOfPicture) = (step?.Velocity.Rows.Max ?? 0, step?.Head.Tokens ?? 1);
        foreach (var table in ops.OfType<Ops.RmsNorm>().Where(o => o.Shift is not null).Select(o => o.Shift!.Value.Table))
            _modulations = Math.Min(_modulations, table.Rows.Max);
        Keys = ops.OfType<Ops.QkvToCache>().Where(o => o.Picture is null).Select(o => o.Keys.Rows.Max).DefaultIfEmpty(0).Min();

        var varying = 0;
        Sequences = Take(ref varying, bounds.Sequences * Marshal.SizeOf<DeviceSequence>());
        Patches = Take(ref varying, bounds.Spans * Marshal.SizeOf<PatchRows>());
        Placed = Take(ref varying, placed is null ? 0 : bounds.Spans * Marshal.SizeOf<RowPair>());
        Times = Take(ref varying, bounds.Spans * Marshal.SizeOf<RowPair>());
        Picked = Take(ref varying, bounds.Picked * Marshal.SizeOf<RowPair>());
        Recalled = Take(ref varying, _recalledRows > 0 ? bounds.Sequences * Marshal.SizeOf<RowPair>() : 0);
        Numbers = Take(ref varying, _stepped * Marshal.SizeOf<StepNumbers>());
        _draws = ops.OfType<Ops.SampleToken>().Any();
        Draw = Take(ref varying, _draws ? sizeof(long) : 0);
        Tokens = Take(ref varying, _vocabulary > 0 ? _rows * sizeof(int) : 0);
        VaryingBytes = varying;

        var shaped = 0;
        RowSequence = Take(ref shaped, _rows * sizeof(int));
        foreach (var (group, rowsPerTile) in ops.OfType<Ops.Attention>().Where(o => o.Picture is null).Select(o => (o.Shape.Group, tileRows(o.Shape.HeadDim))).Distinct())
        {
            var room = (_rows * group + rowsPerTile - 1) / rowsPerTile + bounds.Sequences;
            _tiles.Add((group, rowsPerTile, Take(ref shaped, room * Marshal.SizeOf<AttentionTile>()), room));
        }
        foreach (var o in ops.OfType<Ops.Attention>().Where(o => o.Picture is not null && o.Shape.Heads > 1).DistinctBy(o => (o.Picture, o.Shape.Group, tileRows(o.Shape.HeadDim))))
        {
            var tables = new PictureTables(o.Picture!.Value, o.Shape.Group, tileRows(o.Shape.HeadDim), o.Qkv.Rows.Max / o.Picture.Value.Count, 0, 0);
            _pictureTables.Add(tables with
            {
                Sequences = Take(ref shaped, tables.Pictures * Marshal.SizeOf<DeviceSequence>()),
                Tiles = Take(ref shaped, tables.Pictures * tables.TilesPerPicture * Marshal.SizeOf<AttentionTile>()),
            });
        }
        ShapedBytes = shaped;
    }

    /// <summary>Bytes of what changes from step to step: whole 16-byte words.</summary>
    public int VaryingBytes { get; }

    /// <summary>Bytes of what depends on the sequences' lengths alone.</summary>
    public int ShapedBytes { get; }

    /// <summary>Rows of the K and V caches, and more positions than any of them has.</summary>
    public int Keys { get; }

    /// <summary>Offset of the sequences, among what varies; so are those that follow.</summary>
    public int Sequences { get; }
    public int Patches { get; }
    public int Placed { get; }
    public int Times { get; }
    public int Picked { get; }
    public int Recalled { get; }
    public int Numbers { get; }
    public int Draw { get; }
    public int Tokens { get; }

    /// <summary>Offset of each row's sequence, among what is shaped.</summary>
    public int RowSequence { get; }

    /// <summary>Offset of the tiles attention covers a batch with, among what is shaped.</summary>
    public int Tiles(int group, int rowsPerTile) => _tiles.First(t => t.Group == group && t.RowsPerTile == rowsPerTile).Offset;

    /// <summary>Offsets of the sequences of pictures that attend to themselves and of their tiles, among what is shaped, and the tiles of a picture.</summary>
    public (int Sequences, int Tiles, int PerPicture) PictureTiles(Grid grid, int group, int rowsPerTile)
    {
        var tables = _pictureTables.First(t => t.Grid == grid && t.Group == group && t.RowsPerTile == rowsPerTile);
        return (tables.Sequences, tables.Tiles, tables.TilesPerPicture);
    }

    /// <summary>Writes what varies.</summary>
    /// <exception cref="RequestException">A token is not in the vocabulary.</exception>
    /// <exception cref="InvalidOperationException">A table names what is not there, or is longer than was planned for.</exception>
    public void WriteVarying(Batch batch, Span<byte> to)
    {
        Check(batch);
        Write<DeviceSequence>(to[Sequences..], [.. batch.Sequences.Select(DeviceSequence.Of)]);
        Write<PatchRows>(to[Patches..], [.. batch.Patches.Select(p => new PatchRows(p.Picture, p.FirstRow))]);
        if (_placedRows > 0)
            Write<RowPair>(to[Placed..], [.. batch.Patches.Select((p, i) => new RowPair(i * _placedRows, p.FirstRow))]);
        Write<RowPair>(to[Times..], [.. batch.Times.Select(t => new RowPair(t.Time, t.Row))]);
        Write<RowPair>(to[Picked..], [.. batch.Picked.Select((row, i) => new RowPair(row, i))]);
        if (_recalledRows > 0)
            Write<RowPair>(to[Recalled..], [.. batch.Sequences.Select((s, i) => new RowPair(batch.Prefixes[i] * _recalledRows, s.KvBase))]);
        if (_stepped > 0)
            Write<StepNumbers>(to[Numbers..], [.. batch.Steps.Select(NumbersOf)]);
        if (_draws)
            Write<long>(to[Draw..], [batch.Draw]);
        if (_vocabulary > 0)
            Write<int>(to[Tokens..], [.. batch.Tokens]);
    }

    /// <summary>Writes what the sequences' lengths decide.</summary>
    public void WriteShaped(Batch batch, Span<byte> to)
    {
        Write<int>(to[RowSequence..], [.. batch.Sequences.SelectMany((s, i) => Enumerable.Repeat(i, s.QLen))]);
        foreach (var (group, rowsPerTile, offset, _) in _tiles)
            Write<AttentionTile>(to[offset..], AttentionTile.Cover([.. batch.Sequences.Select(s => s.QLen)], group, rowsPerTile));
        foreach (var tables in _pictureTables)
        {
            Write<DeviceSequence>(to[tables.Sequences..], [.. Enumerable.Range(0, tables.Pictures).Select(i => DeviceSequence.Of(Sequence.Picture(i, tables.Grid)))]);
            Write<AttentionTile>(to[tables.Tiles..], AttentionTile.Cover([.. Enumerable.Repeat(tables.Grid.Count, tables.Pictures)], tables.Group, tables.RowsPerTile));
        }
    }

    /// <summary>
    /// Whatever of a batch decides which kernels are launched, how, and with which arguments: batches that agree in it differ in
    /// tables alone, and one captured graph serves them all.
    /// </summary>
    public static string ShapeOf(Batch batch) => string.Join(' ',
        batch.Patches.Count, batch.Times.Count, batch.Picked.Count, batch.Steps.Count,
        string.Join(',', batch.Sequences.Select(s => $"{s.QLen}:{s.Span?.Height}x{s.Span?.Width}x{s.Span?.Frames}")),
        string.Join(',', batch.Predictions.Select(p => $"{p.Prediction}@{p.FirstRow}")));

    private static StepNumbers NumbersOf(Ops.PictureStep step) => new(
        step.Numbers.Time, step.Numbers.Delta, step.Numbers.Guidance, (int)step.Numbers.Phase, step.Picture, step.Conditional, step.Unconditional);

    private static int Take(ref int used, int bytes)
    {
        var offset = used;
        used += (bytes + Alignment - 1) / Alignment * Alignment;
        return offset;
    }

    private static void Write<T>(Span<byte> to, ReadOnlySpan<T> values) where T : unmanaged => MemoryMarshal.AsBytes(values).CopyTo(to);

    private void Check(Batch batch)
    {
        if (batch.Rows > _rows || batch.Sequences.Count > _bounds.Sequences || batch.Patches.Count > _bounds.Spans || batch.Times.Count > _bounds.Spans || batch.Picked.Count > _bounds.Picked)
            throw new InvalidOperationException(
                $"a batch of {batch.Rows} rows in {batch.Sequences.Count} sequences with {batch.Patches.Count} pictures, {batch.Times.Count} times and {batch.Picked.Count} picked rows " +
                $"does not fit {_rows} rows in {_bounds.Sequences} sequences with {_bounds.Spans} spans and {_bounds.Picked} picked rows");
        if (_recalledRows > 0 && (batch.Prefixes.Count != batch.Sequences.Count || batch.Prefixes.Any(p => (uint)p >= (uint)_prefixes)))
            throw new InvalidOperationException($"prefixes {string.Join(", ", batch.Prefixes)} of {_prefixes} are not those of {batch.Sequences.Count} sequences");
        foreach (var sequence in batch.Sequences)
        {
            if ((long)sequence.KvBase + sequence.KvLen > Keys)
                throw new InvalidOperationException($"{sequence} ends beyond caches of {Keys} keys");
            if (_recalledRows > 0 && (sequence.PrefixLen > _recalledRows || (long)sequence.KvBase + _recalledRows > Keys))
                throw new InvalidOperationException($"{sequence} recalls {_recalledRows} rows of a prefix, which it has not or which end beyond {Keys} keys");
            if (sequence.PosBase < 0 || (long)sequence.PosBase + sequence.QLen > Keys)
                throw new InvalidOperationException($"{sequence} has positions beyond the {Keys} there are rotations for");
            if (sequence.ModRow >= _modulations)
                throw new InvalidOperationException($"{sequence} is modulated by a row that is not within {_modulations}");
        }
        foreach (var patch in batch.Patches)
            Within("picture", patch.Picture, _pictures, patch.FirstRow, batch.Rows, _patchRows);
        foreach (var time in batch.Times)
            Within("time", time.Time, _times, time.Row, batch.Rows);
        foreach (var prediction in batch.Predictions)
            Within("prediction", prediction.Prediction, _predictions, prediction.FirstRow, batch.Rows);
        if (batch.Steps.Count > _stepped && _stepped > 0)
            throw new InvalidOperationException($"{batch.Steps.Count} pictures are stepped, of {_stepped}");
        if (_stepped > 0)
            foreach (var step in batch.Steps)
            {
                Within("picture stepped", step.Picture, _stepped, step.Conditional, batch.Rows, _patchesOfPicture);
                if (step.Numbers.Guidance != 1)
                    Within("picture guided", step.Picture, _stepped, step.Unconditional, batch.Rows, _patchesOfPicture);
            }
        foreach (var row in batch.Picked)
            Within("picked row", 0, 1, row, batch.Rows);
        if (_vocabulary == 0)
            return;
        if (batch.Tokens.Count != batch.Rows)
            throw new InvalidOperationException($"there are {batch.Tokens.Count} tokens for {batch.Rows} rows");
        foreach (var token in batch.Tokens)
            if (token != -1 && (uint)token >= (uint)_vocabulary)
                throw new RequestException($"token id {token} is not in the model's vocabulary of {_vocabulary}");
    }

    private static void Within(string what, int index, int count, int row, int rows, int taken = 1)
    {
        if ((uint)index >= (uint)count || row < 0 || (long)row + taken > rows)
            throw new InvalidOperationException($"{what} {index} of {count} at row {row} of {rows} is not there");
    }
}
