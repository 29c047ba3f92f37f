using System.Diagnostics;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Cpu;

/// <summary>
/// CPU side of <see cref="MatMul"/>. Few rows: each weight row is streamed once and dotted with every input row, so memory
/// bandwidth is the bound. Many rows: blocks of the weight are widened and transposed into a panel that stays in the
/// first-level cache while every row passes over it, so arithmetic is the bound.
/// </summary>
internal static unsafe class CpuMatMul
{
    /// <summary>Up to this many rows the weight is streamed instead of packed.</summary>
    private const int FewRows = 4;

    private const int BlockK = 256;
    private const int BlockRows = 480;
    private const int MaxBlockColumns = 64;
    private const int StreamedColumns = 64;

    /// <summary>What follows the product: output = residual + gate * (product + bias); any part may be null.</summary>
    internal readonly struct Epilogue(float* bias, float* residual, float* gate, int gateWidth, Batch batch)
    {
        public void Row<S, V>(int row, int column, int count, float* product, float* output, int width) where S : ISimd<V> where V : struct
        {
            var y = output + (long)row * width + column;
            var b = bias is null ? null : bias + column;
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
            gate, op.Gate?.Table.Columns ?? 0, context.Batch);
        Product<S, V>(context, context.At(op.Input), op.Input.Rows.Value, op.Input.Columns, op.Weight, context.At(op.Output), epilogue);
    }

    /// <summary>output[rows x N] = epilogue(input[rows x k] weight[N x k]^T).</summary>
    public static void Product<S, V>(in CpuContext context, float* input, int rows, int k, Weight weight, float* output, Epilogue epilogue)
        where S : ISimd<V> where V : struct
    {
        if (rows == 0)
            return;
        if (rows <= FewRows)
            Streamed<S, V>(context, input, rows, k, weight, output, epilogue);
        else
            Packed<S, V>(context, input, rows, k, weight, output, epilogue);
    }

    private static void Streamed<S, V>(in CpuContext context, float* input, int rows, int k, Weight weight, float* output, Epilogue epilogue)
        where S : ISimd<V> where V : struct
    {
        var matrix = CpuContext.Matrix(weight);
        var n = weight.Rows;
        var precision = weight.Precision;
        context.Threads.For((n + StreamedColumns - 1) / StreamedColumns, item =>
        {
            int begin = item * StreamedColumns, count = Math.Min(StreamedColumns, n - begin);
            var products = stackalloc float[FewRows * StreamedColumns];
            for (var j = 0; j < count; j++)
                for (var row = 0; row < rows; row++)
                    products[row * StreamedColumns + j] = Dot<S, V>(input + (long)row * k, matrix, (long)(begin + j) * k, precision, k);
            for (var row = 0; row < rows; row++)
                epilogue.Row<S, V>(row, begin, count, products + row * StreamedColumns, output, n);
        });
    }

    private static float Dot<S, V>(float* x, byte* matrix, long first, Precision precision, int k) where S : ISimd<V> where V : struct
    {
        var w = S.Width;
        V s0 = S.Broadcast(0), s1 = s0, s2 = s0, s3 = s0;
        var i = 0;
        float sum;
        if (precision == Precision.BF16)
        {
            var m = (ushort*)matrix + first;
            for (; i <= k - 4 * w; i += 4 * w)
            {
                s0 = S.Fma(S.Load(x + i), S.LoadBF16(m + i), s0);
                s1 = S.Fma(S.Load(x + i + w), S.LoadBF16(m + i + w), s1);
                s2 = S.Fma(S.Load(x + i + 2 * w), S.LoadBF16(m + i + 2 * w), s2);
                s3 = S.Fma(S.Load(x + i + 3 * w), S.LoadBF16(m + i + 3 * w), s3);
            }
            sum = S.Sum(S.Add(S.Add(s0, s1), S.Add(s2, s3)));
            for (; i < k; i++)
                sum += x[i] * ScalarSimd.LoadBF16(m + i);
        }
        else
        {
            var m = (float*)matrix + first;
            for (; i <= k - 4 * w; i += 4 * w)
            {
                s0 = S.Fma(S.Load(x + i), S.Load(m + i), s0);
                s1 = S.Fma(S.Load(x + i + w), S.Load(m + i + w), s1);
                s2 = S.Fma(S.Load(x + i + 2 * w), S.Load(m + i + 2 * w), s2);
                s3 = S.Fma(S.Load(x + i + 3 * w), S.Load(m + i + 3 * w), s3);
            }
            sum = S.Sum(S.Add(S.Add(s0, s1), S.Add(s2, s3)));
            for (; i < k; i++)
                sum += x[i] * m[i];
        }
        return sum;
    }

    private static void Packed<S, V>(in CpuContext context, float* input, int rows, int k, Weight weight, float* output, Epilogue epilogue)
        where S : ISimd<V> where V : struct
    {
        var threads = context.Threads;
        var matrix = CpuContext.Matrix(weight);
        int n = weight.Rows, tile = 2 * S.Width;
        // Enough items to share out evenly, but panels wide enough that a block of rows is worth reading.
        var tilesPerItem = Math.Clamp((n + tile - 1) / tile / (4 * threads.Count), 1, Math.Max(1, MaxBlockColumns / tile));
        var blockColumns = tilesPerItem * tile;
        int columnItems = (n + blockColumns - 1) / blockColumns, rowItems = (rows + BlockRows - 1) / BlockRows;
        Debug.Assert((BlockK * tile + BlockRows * blockColumns) * sizeof(float) <= CpuThreads.ScratchBytes);

        threads.For(columnItems * rowItems, item =>
        {
            int column = item % columnItems * blockColumns, columns = Math.Min(blockColumns, n - column);
            int row = item / columnItems * BlockRows, count = Math.Min(BlockRows, rows - row);
            var scratch = threads.Rent();
            float* panel = (float*)scratch.Pointer, product = panel + BlockK * tile;
            for (var k0 = 0; k0 < k; k0 += BlockK)
            {
                var depth = Math.Min(BlockK, k - k0);
                for (var t = 0; t < columns; t += tile)
                {
                    CpuPanel.Pack<S, V>(matrix, weight.Precision, k, column + t, Math.Min(tile, columns - t), k0, depth, panel);
                    for (var r = 0; r < count; r += CpuTile.Rows)
                        CpuTile.Run<S, V>(input + (long)(row + r) * k + k0, k, Math.Min(CpuTile.Rows, count - r),
                            panel, tile, depth, product + (long)r * blockColumns + t, blockColumns, k0 > 0);
                }
            }
            for (var r = 0; r < count; r++)
                epilogue.Row<S, V>(row + r, column, columns, product + (long)r * blockColumns, output, n);
            threads.Return(scratch);
        });
    }
}
