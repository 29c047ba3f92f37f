using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Cpu;

/// <summary>CPU side of <see cref="PlaceTime"/>, <see cref="PlacePatches"/>, <see cref="PickRows"/> and <see cref="RecallPrefix"/>: whole rows from one place to another.</summary>
internal static unsafe class CpuCopyRows
{
    public static void Run(PlaceTime op, in CpuContext context)
    {
        foreach (var place in context.Batch.Times)
            Copy(context, op.Embeddings, place.Time, op.Output, place.Row);
    }

    public static void Run(PlacePatches op, in CpuContext context)
    {
        var places = context.Batch.Patches;
        var bytes = (long)op.PerPicture * op.Patches.Columns * sizeof(float);
        for (var i = 0; i < places.Count; i++)
            Buffer.MemoryCopy(context.Rows(op.Patches, i * op.PerPicture, op.PerPicture), context.Rows(op.Output, places[i].FirstRow, op.PerPicture), bytes, bytes);
    }

    public static void Run(PickRows op, in CpuContext context)
    {
        var picked = context.Batch.Picked;
        for (var i = 0; i < picked.Count; i++)
            Copy(context, op.Input, picked[i], op.Output, i);
    }

    public static void Run(RecallPrefix op, in CpuContext context)
    {
        var (sequences, prefixes) = (context.Batch.Sequences, context.Batch.Prefixes);
        if (prefixes.Count != sequences.Count)
            throw new InvalidOperationException($"{op}: there are {prefixes.Count} prefixes for {sequences.Count} sequences");
        for (var i = 0; i < sequences.Count; i++)
        {
            var (rows, bytes) = (sequences[i].PrefixLen, (long)sequences[i].PrefixLen * op.Kept.Columns * sizeof(float));
            if (rows > op.PerPrefix)
                throw new InvalidOperationException($"{sequences[i]} has a longer prefix than the {op.PerPrefix} rows that {op} keeps");
            if (rows > 0)
                Buffer.MemoryCopy(context.Rows(op.Kept, prefixes[i] * op.PerPrefix, rows), context.Rows(op.Output, sequences[i].KvBase, rows), bytes, bytes);
        }
    }

    private static void Copy(in CpuContext context, Value from, int fromRow, Value to, int toRow)
    {
        var bytes = (long)from.Columns * sizeof(float);
        Buffer.MemoryCopy(context.Rows(from, fromRow, 1), context.Rows(to, toRow, 1), bytes, bytes);
    }
}
