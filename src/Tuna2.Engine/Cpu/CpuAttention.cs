using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Cpu;

/// <summary>
/// CPU side of <see cref="Attention"/>: online softmax over blocks of keys. An item is one key head and a block of a sequence's
/// rows. What its query heads ask at those rows are its queries, row by row; a block of keys and values is packed once for all
/// of them, and they pass over it a few at a time, so that their scores stay in the first-level cache. A row's result does not
/// depend on the rows beside it: key blocks begin where the sequence's keys do, and what a row must not see weighs zero.
/// </summary>
internal static unsafe class CpuAttention
{
    /// <summary>Elements of a block of keys, and of one of values: together half a second-level cache.</summary>
    private const int BlockElements = 32768;

    /// <summary>Keys of a block, at most: their scores for a pass are to stay near.</summary>
    private const int MaxBlockKeys = 256;

    /// <summary>Queries of an item, at most: enough to pay for packing a block of keys, and within the scratch.</summary>
    private const int BlockQueries = 168;

    /// <summary>Queries whose scores are worked on at once; a multiple of the tile's rows and of every vector's width.</summary>
    private const int PassQueries = 48;

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
        var blockRows = BlockRows(shape, sequences.Sum(s => s.QLen), threads.Count);
        if (new Scratch(null, shape, blockRows * shape.Group).Bytes > CpuThreads.ScratchBytes)
            throw new NotSupportedException($"{op}: {shape} does not fit the kernel's scratch");
        float* qkv = context.At(op.Qkv), keys = context.At(op.Keys), values = context.At(op.Values), output = context.At(op.Output);
        var items = new List<(Sequence Sequence, int Head, int Row, int Rows)>();
        foreach (var s in sequences)
            for (var head = 0; head < shape.KvHeads; head++)
                for (var row = 0; row < s.QLen; row += blockRows)
                    items.Add((s, head, row, Math.Min(blockRows, s.QLen - row)));
        threads.For(items.Count, i =>
        {
            var scratch = threads.Rent();
            var (sequence, head, row, rows) = items[i];
            Item<S, V>(new Scratch((float*)scratch.Pointer, shape, rows * shape.Group), shape, sequence, head, row, rows, qkv, keys, values, output);
            threads.Return(scratch);
        });
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

    /// <summary>Rows of an item: no more than fit, and fewer where there would be too few items to share out.</summary>
    private static int BlockRows(AttentionShape shape, int rows, int threads)
    {
        var most = Math.Max(1, BlockQueries / shape.Group);
        while (most > 1 && new Scratch(null, shape, most * shape.Group).Bytes > CpuThreads.ScratchBytes)
            most /= 2;
        return Math.Clamp((int)((long)rows * shape.KvHeads / (4 * threads)), Math.Min(most, CpuTile.MaxRows), most);
    }

    /// <summary>What an item works in.</summary>
    private readonly struct Scratch(float* memory, AttentionShape shape, int queries)
    {
        /// <summary>Keys of a block; of every tile's width a multiple.</summary>
        public int BlockKeys { get; } = Math.Clamp((int)BitOperations.RoundUpToPowerOf2((uint)(BlockElements / shape.HeadDim + 1)) / 2, 32, MaxBlockKeys);

        // Vectors are stored over the ends of the per-query parts.
        private readonly int _padded = (queries + PassQueries - 1) / PassQueries * PassQueries;

        /// <summary>A block of keys: per tile of them, dim x two vectors.</summary>
        public float* Keys => memory;

        /// <summary>A block of values: per two vectors of the head, keys x two vectors.</summary>
        public float* Values => Keys + shape.HeadDim * BlockKeys;

        /// <summary>The queries times what makes their scores exponents of two, packed into tiles.</summary>
        public float* Queries => Values + shape.HeadDim * BlockKeys;

        /// <summary>queries x dim: the weighted values so far.</summary>
        public float* Sums => Queries + (long)queries * shape.HeadDim;

        /// <summary>A pass's queries x BlockKeys: scores, then weights.</summary>
        public float* Scores => Sums + (long)queries * shape.HeadDim;

        /// <summary>Per query, the largest score so far.</summary>
        public float* Largest => Scores + PassQueries * BlockKeys;

        /// <summary>Per query, the sum of its weights so far.</summary>
        public float* Total => Largest + _padded;

        /// <summary>Per query of a pass, the largest score with the block's, then what the sums so far are to be multiplied by.</summary>
        public float* Keep => Total + _padded;

        public long Bytes => (Keep + PassQueries - memory) * sizeof(float);
    }

    private static void Item<S, V>(Scratch scratch, AttentionShape shape, Sequence sequence, int kvHead, int row, int rows,
        float* qkv, float* keys, float* values, float* output) where S : ISimd<V> where V : struct
    {
        int dim = shape.HeadDim, group = shape.Group, tile = 2 * S.Width, queries = rows * group, blockKeys = scratch.BlockKeys;
        Gather(scratch, shape, sequence, kvHead, row, queries, qkv);
        new Span<float>(scratch.Largest, queries).Fill(float.NegativeInfinity);
        new Span<float>(scratch.Total, queries).Clear();
        new Span<float>(scratch.Sums, queries * dim).Clear();

        var end = sequence.KvEnd(row + rows - 1);
        for (var k0 = 0; k0 < end; k0 += blockKeys)
        {
            var count = Math.Min(blockKeys, end - k0);
            var block = (long)(sequence.KvBase + k0) * shape.KvColumns + kvHead * dim;
            for (var t = 0; t < count; t += tile)
                CpuPanel.Pack<S, V>((byte*)(keys + block), Precision.F32, shape.KvColumns, t, Math.Min(tile, count - t), 0, dim, scratch.Keys + (long)t * dim);
            for (var d = 0; d < dim; d += tile)
                PackValues<S, V>(values + block + d, shape.KvColumns, count, scratch.Values + (long)d * blockKeys);

            for (var q = 0; q < queries; q += PassQueries)
            {
                var pass = Math.Min(PassQueries, queries - q);
                // Of a causal sequence's last keys, the first rows see none.
                var seen = Math.Min(count, sequence.KvEnd(row + (q + pass - 1) / group) - k0);
                if (seen > 0)
                    Pass<S, V>(scratch, shape, sequence, row, q, pass, k0, seen);
            }
        }

        for (var q = 0; q < queries; q++)
        {
            var y = output + (long)(sequence.QBegin + row + q / group) * shape.QueryColumns + (long)(kvHead * group + q % group) * dim;
            var x = scratch.Sums + (long)q * dim;
            var by = S.Broadcast(1f / scratch.Total[q]);
            for (var d = 0; d < dim; d += S.Width)
                S.Store(y + d, S.Multiply(S.Load(x + d), by));
        }
    }

    /// <summary>Queries packed into the tiles of each pass, times log2(e) / sqrt(dim): softmax is then one of powers of two.</summary>
    private static void Gather(Scratch scratch, AttentionShape shape, Sequence sequence, int kvHead, int row, int queries, float* qkv)
    {
        var scale = (float)(Math.Log2(Math.E) / Math.Sqrt(shape.HeadDim));
        var rows = stackalloc float*[CpuTile.MaxRows];
        for (var pass = 0; pass < queries; pass += PassQueries)
        {
            int count = Math.Min(PassQueries, queries - pass), tiles = CpuTile.Count(count);
            for (var t = 0; t < tiles; t++)
            {
                int begin = CpuTile.Begin(t, tiles, count), height = CpuTile.Begin(t + 1, tiles, count) - begin;
                for (var j = 0; j < height; j++)
                {
                    var q = pass + begin + j;
                    rows[j] = qkv + (long)(sequence.QBegin + row + q / shape.Group) * shape.QkvColumns + (long)(kvHead * shape.Group + q % shape.Group) * shape.HeadDim;
                }
                var to = scratch.Queries + (long)(pass + begin) * shape.HeadDim;
                for (var d = 0; d < shape.HeadDim; d++)
                    for (var j = 0; j < height; j++)
                        *to++ = rows[j][d] * scale;
            }
        }
    }

    private static void PackValues<S, V>(float* from, nint stride, int count, float* to) where S : ISimd<V> where V : struct
    {
        for (; count > 0; count--, from += stride, to += 2 * S.Width)
        {
            S.Store(to, S.Load(from));
            S.Store(to + S.Width, S.Load(from + S.Width));
        }
    }

    /// <summary>Some queries over a packed block of keys of which the last sees <paramref name="seen"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Pass<S, V>(Scratch scratch, AttentionShape shape, Sequence sequence, int row, int first, int queries, int k0, int seen)
        where S : ISimd<V> where V : struct
    {
        int dim = shape.HeadDim, tile = 2 * S.Width, tiles = CpuTile.Count(queries), blockKeys = scratch.BlockKeys;
        float* scores = scratch.Scores, sums = scratch.Sums + (long)first * dim, largest = scratch.Largest + first, total = scratch.Total + first, keep = scratch.Keep;
        for (var k = 0; k < seen; k += tile)
            for (var t = 0; t < tiles; t++)
            {
                int begin = CpuTile.Begin(t, tiles, queries), height = CpuTile.Begin(t + 1, tiles, queries) - begin;
                CpuTile.Run<S, V>(scratch.Queries + (long)(first + begin) * dim, 1, height, height,
                    scratch.Keys + (long)k * dim, dim, scores + begin * blockKeys + k, blockKeys, TileSum.Replace);
            }

        // Scores a row must not see become -infinity up to a whole vector, which weighs zero, and zero weights behind.
        var counts = stackalloc int[PassQueries];
        for (var q = 0; q < queries; q++)
        {
            var visible = counts[q] = Math.Clamp(sequence.KvEnd(row + (first + q) / shape.Group) - k0, 0, seen);
            var weight = scores + q * blockKeys;
            var padded = (visible + S.Width - 1) / S.Width * S.Width;
            for (var k = visible; k < padded; k++)
                weight[k] = float.NegativeInfinity;
            new Span<float>(weight + padded, seen > padded ? seen - padded : 0).Clear();
            var max = S.Broadcast(largest[q]);
            for (var k = 0; k < padded; k += S.Width)
                max = S.Max(max, S.Load(weight + k));
            keep[q] = S.Largest(max);
        }
        for (var q = 0; q < queries; q += S.Width)
        {
            V before = S.Load(largest + q), now = S.Load(keep + q);
            S.Store(largest + q, now);
            S.Store(keep + q, CpuExp.PowerOfTwo<S, V>(S.Subtract(before, now)));
        }
        for (var q = 0; q < queries; q++)
        {
            var visible = counts[q];
            if (visible == 0)
                continue;
            var weight = scores + q * blockKeys;
            V shift = S.Broadcast(largest[q]), sum = S.Broadcast(0);
            for (var k = 0; k < visible; k += S.Width)
            {
                var e = CpuExp.PowerOfTwo<S, V>(S.Subtract(S.Load(weight + k), shift));
                S.Store(weight + k, e);
                sum = S.Add(sum, e);
            }
            total[q] = total[q] * keep[q] + S.Sum(sum);
            if (keep[q] != 1)
                CpuElements.Scale<S, V>(sums + (long)q * dim, dim, keep[q]);
        }

        for (var d = 0; d < dim; d += tile)
            for (var t = 0; t < tiles; t++)
            {
                int begin = CpuTile.Begin(t, tiles, queries), height = CpuTile.Begin(t + 1, tiles, queries) - begin;
                CpuTile.Run<S, V>(scores + begin * blockKeys, blockKeys, 1, height,
                    scratch.Values + (long)d * blockKeys, seen, sums + (long)begin * dim + d, dim, TileSum.Add);
            }
    }
}
