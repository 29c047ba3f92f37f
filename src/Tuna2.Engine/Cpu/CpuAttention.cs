using System.Runtime.Intrinsics;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Cpu;

/// <summary>
/// CPU side of <see cref="Attention"/>: online softmax over blocks of keys. An item is one key head and a block of a
/// sequence's rows; the query heads that share the key head share its transposed keys.
/// </summary>
internal static unsafe class CpuAttention
{
    private const int BlockKeys = 128;

    /// <summary>Rows times sharing heads of an item: enough to pay for transposing a block of keys.</summary>
    private const int BlockQueries = 96;

    public static void Run<S, V>(Attention op, in CpuContext context) where S : ISimd<V> where V : struct
    {
        var shape = op.Shape;
        if (shape.HeadDim % (2 * S.Width) != 0)
        {
            RunNarrow(op, context);
            return;
        }
        var sequences = context.Sequences(op.Picture, op.Qkv, op.Keys);
        var threads = context.Threads;
        var blockRows = Math.Max(CpuTile.Rows, BlockQueries / shape.Group / CpuTile.Rows * CpuTile.Rows);
        if (ScratchBytes(shape, blockRows) > CpuThreads.ScratchBytes)
            throw new NotSupportedException($"{op}: {shape} does not fit the kernel's scratch");
        float* qkv = context.At(op.Qkv), keys = context.At(op.Keys), values = context.At(op.Values), output = context.At(op.Output);
        var items = (from s in sequences
                     from head in Enumerable.Range(0, shape.KvHeads)
                     from block in Enumerable.Range(0, (s.QLen + blockRows - 1) / blockRows)
                     select (Sequence: s, Head: head, Row: block * blockRows, Rows: Math.Min(blockRows, s.QLen - block * blockRows))).ToArray();
        threads.For(items.Length, i => Item<S, V>(threads, shape, items[i].Sequence, items[i].Head, items[i].Row, items[i].Rows, blockRows, qkv, keys, values, output));
    }

    /// <summary>For heads narrower than a tile of two vectors: small models on wide machines.</summary>
    private static void RunNarrow(Attention op, in CpuContext context)
    {
        if (op.Shape.HeadDim % (2 * Simd128.Width) == 0)
            Run<Simd128, Vector128<float>>(op, context);
        else if (op.Shape.HeadDim % (2 * ScalarSimd.Width) == 0)
            Run<ScalarSimd, float>(op, context);
        else
            throw new NotSupportedException($"{op}: head dim {op.Shape.HeadDim} is odd");
    }

    /// <summary>Bytes of what an item works in, laid out at the start of <see cref="Item"/>.</summary>
    private static long ScratchBytes(AttentionShape shape, long blockRows) =>
        sizeof(float) * ((long)shape.HeadDim * BlockKeys + blockRows * BlockKeys + shape.Group * blockRows * (shape.HeadDim + 2L));

    private static void Item<S, V>(CpuThreads threads, AttentionShape shape, Sequence sequence, int kvHead, int row, int rows, int blockRows,
        float* qkv, float* keys, float* values, float* output) where S : ISimd<V> where V : struct
    {
        int dim = shape.HeadDim, group = shape.Group, tile = 2 * S.Width;
        var scale = 1f / MathF.Sqrt(dim);
        var scratch = threads.Rent();
        float* transposed = (float*)scratch.Pointer;                    // per tile of keys: dim x tile
        float* scores = transposed + (long)dim * BlockKeys;             // rows x BlockKeys
        float* sums = scores + (long)blockRows * BlockKeys;             // group x rows x dim: the weighted values so far
        float* largest = sums + (long)group * blockRows * dim;          // group x rows
        float* total = largest + (long)group * blockRows;               // group x rows
        new Span<float>(largest, group * blockRows).Fill(float.NegativeInfinity);
        new Span<float>(total, group * blockRows).Clear();
        new Span<float>(sums, group * blockRows * dim).Clear();

        var end = sequence.KvEnd(row + rows - 1);
        for (var k0 = 0; k0 < end; k0 += BlockKeys)
        {
            var count = Math.Min(BlockKeys, end - k0);
            var block = (long)(sequence.KvBase + k0) * shape.KvColumns + kvHead * dim;
            for (var t = 0; t < count; t += tile)
                CpuPanel.Pack<S, V>((byte*)(keys + block), Precision.F32, shape.KvColumns, t, Math.Min(tile, count - t), 0, dim, transposed + (long)t * dim);

            for (var h = 0; h < group; h++)
            {
                var q = qkv + (long)(sequence.QBegin + row) * shape.QkvColumns + (long)(kvHead * group + h) * dim;
                for (var t = 0; t < count; t += tile)
                    for (var r = 0; r < rows; r += CpuTile.Rows)
                        CpuTile.Run<S, V>(q + (long)r * shape.QkvColumns, shape.QkvColumns, Math.Min(CpuTile.Rows, rows - r),
                            transposed + (long)t * dim, tile, dim, scores + (long)r * BlockKeys + t, BlockKeys, accumulate: false);

                var head = sums + (long)h * blockRows * dim;
                for (var r = 0; r < rows; r++)
                {
                    var visible = Math.Clamp(sequence.KvEnd(row + r) - k0, 0, count);
                    var weight = scores + (long)r * BlockKeys;
                    new Span<float>(weight + visible, BlockKeys - visible).Clear();
                    if (visible == 0)
                        continue;
                    CpuElements.Scale<S, V>(weight, visible, scale);
                    var state = h * blockRows + r;
                    var max = MathF.Max(largest[state], CpuElements.Maximum<S, V>(weight, visible));
                    var keep = MathF.Exp(largest[state] - max);
                    total[state] = total[state] * keep + CpuElements.ExpSum<S, V>(weight, visible, max);
                    largest[state] = max;
                    if (keep != 1)
                        CpuElements.Scale<S, V>(head + (long)r * dim, dim, keep);
                }
                for (var d = 0; d < dim; d += tile)
                    for (var r = 0; r < rows; r += CpuTile.Rows)
                        CpuTile.Run<S, V>(scores + (long)r * BlockKeys, BlockKeys, Math.Min(CpuTile.Rows, rows - r),
                            values + block + d, shape.KvColumns, count, head + (long)r * dim + d, dim, accumulate: true);
            }
        }

        for (var h = 0; h < group; h++)
            for (var r = 0; r < rows; r++)
            {
                var y = output + (long)(sequence.QBegin + row + r) * shape.QueryColumns + (long)(kvHead * group + h) * dim;
                var x = sums + ((long)h * blockRows + r) * dim;
                var by = 1f / total[h * blockRows + r];
                for (var d = 0; d < dim; d++)
                    y[d] = x[d] * by;
            }
        threads.Return(scratch);
    }
}
