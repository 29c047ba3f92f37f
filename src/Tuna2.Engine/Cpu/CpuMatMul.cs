using System.Diagnostics;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Cpu;

/// <summary>
/// CPU side of <see cref="MatMul"/>. One row: every weight row is read from end to end, which is what memory is fastest at. A few
/// rows: the weight streams through in panels of two vectors' columns, widened and transposed on the way, and each meets all
/// rows. More: a panel stays in the first-level cache and a block of input rows, packed tile by tile, in the second, so
/// arithmetic is the bound. From two rows on an output is the sum of its <see cref="BlockK"/>-long pieces, each a chain of
/// multiply-adds: the same bits however many rows there are, wherever among them it stands, at every vector width.
/// </summary>
internal static unsafe class CpuMatMul
{
    /// <summary>Elements of a row that are summed apart: a panel of them and two vectors takes half a first-level cache.</summary>
    public const int BlockK = 256;

    /// <summary>Elements of a row whose panel is read at once where the weight streams through.</summary>
    private const int StreamedK = 64;

    /// <summary>How many elements before it is read a panel is asked for: a few kilobytes cover the way to memory.</summary>
    private const int StreamedAhead = 2 * StreamedK;

    /// <summary>Rows packed at once: a block of <see cref="BlockK"/> of each takes half a second-level cache.</summary>
    private const int MaxBlockRows = 240;

    /// <summary>Bytes of packed rows, at most, where fewer rows than <see cref="MaxBlockRows"/> have so many elements.</summary>
    private const long MaxPackedBytes = 16L << 20;

    /// <summary>Bytes of several blocks of packed rows, at most.</summary>
    private const long MaxTogetherBytes = 2 * MaxPackedBytes;

    /// <summary>Weight rows of an item, at most: while it works on them, it reads the packed rows once.</summary>
    private const int MaxItemColumns = 64;

    /// <summary>
    /// What follows the product: output = residual + gate * activation(product + bias); any part may be null. Where the activation is of
    /// several products, weight rows n apart make an output.
    /// </summary>
    internal readonly struct Epilogue(float* bias, float* residual, float* gate, int gateWidth, Batch batch, Activation activation = Activation.None)
    {
        /// <summary>Products of an output.</summary>
        public int Products => activation.Products();

        /// <summary>A part of a row of the output; the product is lost.</summary>
        /// <param name="row">The row.</param>
        /// <param name="column">First column.</param>
        /// <param name="count">Columns.</param>
        /// <param name="product">Of these columns; where there are several, one behind the other.</param>
        /// <param name="apart">Elements from the first product to the second.</param>
        /// <param name="output">The whole output.</param>
        /// <param name="width">Its columns.</param>
        public void Row<S, V>(int row, int column, int count, float* product, int apart, float* output, int width) where S : ISimd<V> where V : struct
        {
            var y = output + (long)row * width + column;
            var b = bias is null ? null : bias + column;
            if (activation == Activation.SwiGlu)
            {
                CpuActivations.SwiGlu<S, V>(product, product + apart, y, count);
                return;
            }
            if (activation != Activation.None)
            {
                CpuActivations.Apply<S, V>(activation, product, b, count);
                b = null;
            }
            var r = residual is null ? null : residual + (long)row * width + column;
            var g = gate is not null && batch.ModRow(row) is >= 0 and var mod ? gate + (long)mod * gateWidth + column : null;
            var i = 0;
            for (; i <= count - S.Width; i += S.Width)
            {
                var x = S.Load(product + i);
                if (b is not null) x = S.Add(x, S.Load(b + i));
                if (g is not null) x = S.Multiply(x, S.Load(g + i));
                if (r is not null) x = S.Add(x, S.Load(r + i));
                S.Store(y + i, x);
            }
            for (; i < count; i++)
            {
                var x = product[i];
                if (b is not null) x += b[i];
                if (g is not null) x *= g[i];
                if (r is not null) x += r[i];
                y[i] = x;
            }
        }
    }

    public static void Run<S, V>(MatMul op, in CpuContext context) where S : ISimd<V> where V : struct
    {
        var gate = op.Gate is { } g ? context.Vectors(g, op.Output.Columns) : null;
        var epilogue = new Epilogue(
            op.Bias is null ? null : CpuContext.Vector(op.Bias),
            op.Residual is null ? null : context.At(op.Residual),
            gate, op.Gate?.Table.Columns ?? 0, context.Batch, op.Activation);
        var input = context.At(op.Input);
        if (op.Rounded is not null && op.Input.Rows.Value > MatMul.FewRows)
            input = Rounded(context, input, op.Input.Rows.Value, op.Input.Columns, context.At(op.Rounded));
        Product<S, V>(context, input, op.Input.Rows.Value, op.Input.Columns, op.Weight, context.At(op.Output), epilogue);
    }

    /// <summary>Every row as a product of eight-bit floats reads it.</summary>
    private static float* Rounded(in CpuContext context, float* input, int rows, int k, float* rounded)
    {
        CpuRows.For(context, rows, k, (begin, end) =>
        {
            for (var row = (long)begin; row < end; row++)
                E4M3.Round(new(input + row * k, k), new(rounded + row * k, k));
        });
        return rounded;
    }

    /// <summary>output[rows x N] = epilogue(input[rows x k] weight[N x k]^T); a weight of several products has as many times N rows.</summary>
    public static void Product<S, V>(in CpuContext context, float* input, int rows, int k, Weight weight, float* output, Epilogue epilogue)
        where S : ISimd<V> where V : struct
    {
        if (rows == 0)
            return;
        if (rows == 1)
            Dotted<S, V>(context, input, k, weight, output, epilogue);
        else if (rows <= CpuTile.MaxRows)
            Streamed<S, V>(context, input, rows, k, weight, output, epilogue);
        else
            Packed<S, V, PlainRows>(context.Threads, new(input, k), rows, k, weight, output, epilogue);
    }

    /// <summary>Panels of an item: enough items to share out evenly, but no more than are worth handing out.</summary>
    private static int ItemColumns<S, V>(int n, int products, int threads) where S : ISimd<V> where V : struct
    {
        var tile = 2 * S.Width;
        return tile * Math.Clamp((n + tile - 1) / tile / (4 * threads), 1, Math.Max(1, MaxItemColumns / products / tile));
    }

    private static void Streamed<S, V>(in CpuContext context, float* input, int rows, int k, Weight weight, float* output, Epilogue epilogue)
        where S : ISimd<V> where V : struct
    {
        var threads = context.Threads;
        var matrix = new CpuMatrix(weight);
        int products = epilogue.Products, n = weight.Rows / products, tile = 2 * S.Width, itemColumns = ItemColumns<S, V>(n, products, threads.Count), apart = CpuTile.MaxRows * tile;
        threads.For((n + itemColumns - 1) / itemColumns, item =>
        {
            var scratch = threads.Rent();
            float* panel = (float*)scratch.Pointer, piece = panel + StreamedK * tile, product = piece + apart;
            var end = Math.Min(n, (item + 1) * itemColumns);
            for (var column = item * itemColumns; column < end; column += tile)
            {
                var columns = Math.Min(tile, n - column);
                for (var p = 0; p < products; p++)
                    Panel(column + p * n, columns, p + 1 < products ? column + (p + 1) * n : column + tile, product + p * apart);
                for (var row = 0; row < rows; row++)
                    epilogue.Row<S, V>(row, column, columns, product + row * tile, apart, output, n);
            }
            threads.Return(scratch);

            // The product of some of the weight's rows, while those of the next panel are asked for.
            void Panel(int weightRow, int columns, int nextRow, float* sums)
            {
                new Span<float>(sums, rows * tile).Clear();
                for (var k0 = 0; k0 < k; k0 += BlockK)
                {
                    var depth = Math.Min(BlockK, k - k0);
                    for (var i = 0; i < depth; i += StreamedK)
                    {
                        int at = k0 + i, next = at + StreamedAhead, step = Math.Min(StreamedK, depth - i);
                        if (next < k)
                            matrix.Prefetch(weightRow, columns, next, StreamedK);
                        else if (nextRow < weight.Rows)
                            matrix.Prefetch(nextRow, Math.Min(tile, weight.Rows - nextRow), Math.Min(next - k, k - 1), StreamedK);
                        matrix.Pack<S, V>(weightRow, columns, at, step, panel);
                        CpuTile.Run<S, V>(input + at, k, 1, rows, panel, step, piece, tile, i == 0 ? TileSum.Replace : TileSum.Continue);
                    }
                    CpuElements.Add<S, V>(sums, piece, rows * tile);
                }
            }
        });
    }

    /// <summary>One row: each weight row is read from end to end and dotted with it.</summary>
    private static void Dotted<S, V>(in CpuContext context, float* input, int k, Weight weight, float* output, Epilogue epilogue)
        where S : ISimd<V> where V : struct
    {
        var matrix = new CpuMatrix(weight);
        int products = epilogue.Products, n = weight.Rows / products, itemColumns = MaxItemColumns / products;
        context.Threads.For((n + itemColumns - 1) / itemColumns, item =>
        {
            int begin = item * itemColumns, count = Math.Min(itemColumns, n - begin);
            var dots = stackalloc float[MaxItemColumns];
            for (var p = 0; p < products; p++)
                for (var j = 0; j < count; j++)
                    dots[p * count + j] = matrix.Dot<S, V>(input, p * n + begin + j);
            epilogue.Row<S, V>(0, begin, count, dots, count, output, n);
        });
    }

    /// <summary>Rows of a product as they lie in memory, one behind the other.</summary>
    private readonly struct PlainRows(float* input, int k) : IRowSource
    {
        public int FirstK(int row) => 0;

        public void PackTile(int row, int rows, int k0, int depth, float* tile)
        {
            var from = stackalloc float*[CpuTile.MaxRows];
            for (var j = 0; j < rows; j++)
                from[j] = input + (long)(row + j) * k + k0;
            CpuPanel.PackTile(from, rows, depth, tile);
        }
    }

    /// <summary>output[rows x N] = epilogue(rows weight[N x k]^T) for rows that are packed, block by block, from wherever they are.</summary>
    public static void Packed<S, V, R>(CpuThreads threads, R source, int rows, int k, Weight weight, float* output, Epilogue epilogue)
        where S : ISimd<V> where V : struct where R : struct, IRowSource
    {
        var (blocks, itemColumns, together, blockElements) = Blocking.Of(rows, weight.Rows / epilogue.Products, k, epilogue.Products, S.Width, threads.Count);
        var packed = threads.RentShared(together * blockElements * sizeof(float));
        for (var first = 0; first < blocks; first += together)
        {
            var parts = new RowBlock[Math.Min(together, blocks - first)];
            for (var i = 0; i < parts.Length; i++)
            {
                int row = (int)((long)(first + i) * rows / blocks), count = (int)((first + i + 1L) * rows / blocks) - row;
                // Pieces are cut at the same places in every block, so that it shows in no sum which block a row was in.
                parts[i] = new((float*)packed.Pointer + i * blockElements, row, count, source.FirstK(row + count - 1) / BlockK * BlockK);
            }
            PackRows(threads, source, parts, k);
            Columns<S, V>(threads, parts, k, weight, itemColumns, output, epilogue);
        }
        threads.ReturnShared(packed);
    }

    /// <summary>Bytes that <see cref="Packed"/> packs such a product's rows into.</summary>
    /// <param name="rows">Rows of the input.</param>
    /// <param name="n">Columns of the output.</param>
    /// <param name="k">Columns of the input.</param>
    /// <param name="products">Products of an output.</param>
    /// <param name="vector">Elements of a vector.</param>
    /// <param name="threads">Threads that work.</param>
    public static long PackedBytes(int rows, int n, int k, int products, int vector, int threads)
    {
        var blocking = Blocking.Of(rows, n, k, products, vector, threads);
        return blocking.Together * blocking.Elements * sizeof(float);
    }

    /// <summary>How a product is cut.</summary>
    /// <param name="Blocks">Blocks of rows.</param>
    /// <param name="ItemColumns">Output columns of an item.</param>
    /// <param name="Together">Blocks that are packed at once.</param>
    /// <param name="Elements">Elements of a block.</param>
    private readonly record struct Blocking(int Blocks, int ItemColumns, int Together, long Elements)
    {
        public static Blocking Of(int rows, int n, int k, int products, int vector, int threads)
        {
            int tile = 2 * vector, blocks = (int)((rows + BlockRows(k) - 1) / BlockRows(k));
            var itemColumns = tile * (int)Math.Clamp((n + tile - 1L) / tile * blocks / (4 * threads), 1, Math.Max(1, MaxItemColumns / products / tile));
            var columnItems = (n + itemColumns - 1) / itemColumns;
            // Where a product has too few columns to share out, several blocks of rows are under way at once.
            var elements = (rows + blocks - 1L) / blocks * k;
            var together = (int)Math.Clamp(Math.Min((4L * threads + columnItems - 1) / columnItems, MaxTogetherBytes / (elements * sizeof(float))), 1, blocks);
            return new(blocks, itemColumns, together, elements);
        }
    }

    private static long BlockRows(int k) => Math.Clamp(MaxPackedBytes / ((long)k * sizeof(float)), CpuTile.MaxRows, MaxBlockRows);

    /// <summary>Rows that are packed at once: tiles of them, piece of k by piece. What lies before FirstK is zero in all of them.</summary>
    private readonly record struct RowBlock(nint Packed, int Row, int Count, int FirstK)
    {
        public RowBlock(float* packed, int row, int count, int firstK) : this((nint)packed, row, count, firstK) { }

        /// <summary>The tile that begins at row <paramref name="begin"/> of the block, of <paramref name="depth"/> elements from <paramref name="k0"/> on.</summary>
        public float* Tile(int k0, int begin, int depth) => (float*)Packed + (long)k0 * Count + (long)begin * depth;
    }

    private static void PackRows<R>(CpuThreads threads, R source, RowBlock[] blocks, int k) where R : struct, IRowSource
    {
        const int ElementsPerItem = 16384;
        var pieces = Math.Max(1, ElementsPerItem / (blocks[0].Count * BlockK)) * BlockK;
        var items = (k + pieces - 1) / pieces;
        threads.For(items * blocks.Length, item =>
        {
            var block = blocks[item / items];
            var tiles = CpuTile.Count(block.Count);
            for (var k0 = Math.Max(item % items * pieces, block.FirstK); k0 < Math.Min(k, (item % items + 1) * pieces); k0 += BlockK)
            {
                var depth = Math.Min(BlockK, k - k0);
                for (var t = 0; t < tiles; t++)
                {
                    var begin = CpuTile.Begin(t, tiles, block.Count);
                    source.PackTile(block.Row + begin, CpuTile.Begin(t + 1, tiles, block.Count) - begin, k0, depth, block.Tile(k0, begin, depth));
                }
            }
        });
    }

    private static void Columns<S, V>(CpuThreads threads, RowBlock[] blocks, int k, Weight weight, int itemColumns, float* output, Epilogue epilogue)
        where S : ISimd<V> where V : struct
    {
        var matrix = new CpuMatrix(weight);
        int products = epilogue.Products, n = weight.Rows / products, tile = 2 * S.Width, items = (n + itemColumns - 1) / itemColumns, stride = products * itemColumns;
        Debug.Assert((BlockK * tile + MaxBlockRows * stride) * sizeof(float) <= CpuThreads.ScratchBytes);
        threads.For(items * blocks.Length, item =>
        {
            var block = blocks[item / items];
            int column = item % items * itemColumns, columns = Math.Min(itemColumns, n - column), panels = (columns + tile - 1) / tile * products, count = block.Count, tiles = CpuTile.Count(count);
            var scratch = threads.Rent();
            float* panel = (float*)scratch.Pointer, product = panel + BlockK * tile;
            for (var k0 = block.FirstK; k0 < k; k0 += BlockK)
            {
                var depth = Math.Min(BlockK, k - k0);
                for (var i = 0; i < panels; i++)
                {
                    // Panels of all products of a column, then of the next.
                    int p = i % products, c = i / products * tile;
                    matrix.Pack<S, V>(p * n + column + c, Math.Min(tile, columns - c), k0, depth, panel);
                    // The panel after this one, whose rows are asked for while the tiles run.
                    var (nextRow, next) = i + 1 < panels ? ((i + 1) % products * n + column + (i + 1) / products * tile, k0) : k0 + BlockK < k ? (column, k0 + BlockK) : (column + columns, block.FirstK);
                    var nextCount = Math.Clamp(weight.Rows - nextRow, 0, tile);
                    for (var t = 0; t < tiles; t++)
                    {
                        int ask = t * nextCount / tiles, asked = (t + 1) * nextCount / tiles;
                        matrix.Prefetch(nextRow + ask, asked - ask, next, Math.Min(BlockK, k - next));
                        int begin = CpuTile.Begin(t, tiles, count), height = CpuTile.Begin(t + 1, tiles, count) - begin;
                        CpuTile.Run<S, V>(block.Tile(k0, begin, depth), 1, height, height,
                            panel, depth, product + (long)begin * stride + p * itemColumns + c, stride, k0 > block.FirstK ? TileSum.Add : TileSum.Replace);
                    }
                }
            }
            for (var r = 0; r < count; r++)
                epilogue.Row<S, V>(block.Row + r, column, columns, product + (long)r * stride, itemColumns, output, n);
            threads.Return(scratch);
        });
    }
}
