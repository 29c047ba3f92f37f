using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Cpu;

/// <summary>CPU side of <see cref="RmsNorm"/>: a row is read twice, once for its mean square and once to be scaled.</summary>
internal static unsafe class CpuRmsNorm
{
    public static void Run<S, V>(RmsNorm op, in CpuContext context) where S : ISimd<V> where V : struct
    {
        float* input = context.At(op.Input), output = context.At(op.Output), weight = CpuContext.Vector(op.Weight);
        var width = op.Input.Columns;
        var shift = op.Shift is { } s ? context.Vectors(s, width) : null;
        var scale = op.Scale is { } m ? context.Vectors(m, width) : null;
        var tableWidth = op.Shift?.Table.Columns ?? 0;
        var batch = context.Batch;
        var epsilon = op.Epsilon;
        CpuRows.For(context, op.Input.Rows.Value, width, (begin, end) =>
        {
            for (var row = begin; row < end; row++)
            {
                float* x = input + (long)row * width, y = output + (long)row * width;
                Row<S, V>(x, weight, epsilon, y, width);
                if (shift is not null && batch.ModRow(row) is >= 0 and var mod)
                    Modulate<S, V>(y, scale + (long)mod * tableWidth, shift + (long)mod * tableWidth, width);
            }
        });
    }

    /// <summary>One row: y = x * weight / sqrt(mean(x^2) + eps). x and y may be the same.</summary>
    public static void Row<S, V>(float* x, float* weight, float epsilon, float* y, int width) where S : ISimd<V> where V : struct
    {
        var inverse = 1f / MathF.Sqrt(CpuElements.SumOfSquares<S, V>(x, width) / width + epsilon);
        var by = S.Broadcast(inverse);
        var i = 0;
        for (; i <= width - S.Width; i += S.Width)
            S.Store(y + i, S.Multiply(S.Load(weight + i), S.Multiply(S.Load(x + i), by)));
        for (; i < width; i++)
            y[i] = weight[i] * (x[i] * inverse);
    }

    private static void Modulate<S, V>(float* y, float* scale, float* shift, int width) where S : ISimd<V> where V : struct
    {
        var one = S.Broadcast(1);
        var i = 0;
        for (; i <= width - S.Width; i += S.Width)
            S.Store(y + i, S.Fma(S.Load(y + i), S.Add(one, S.Load(scale + i)), S.Load(shift + i)));
        for (; i < width; i++)
            y[i] = y[i] * (1 + scale[i]) + shift[i];
    }
}
