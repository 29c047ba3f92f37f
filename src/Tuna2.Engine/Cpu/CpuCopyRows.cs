using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Cpu;

/// <summary>CPU side of <see cref="PlaceTime"/>, <see cref="PlacePatches"/> and <see cref="PickRows"/>: whole rows from one place to another.</summary>
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

    private static void Copy(in CpuContext context, Value from, int fromRow, Value to, int toRow)
    {
        var bytes = (long)from.Columns * sizeof(float);
        Buffer.MemoryCopy(context.Rows(from, fromRow, 1), context.Rows(to, toRow, 1), bytes, bytes);
    }
}
