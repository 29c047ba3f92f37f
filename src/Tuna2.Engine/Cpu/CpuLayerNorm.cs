using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Cpu;

/// <summary>
/// CPU side of <see cref="LayerNorm"/>: a row is read for its mean, for its variance around that mean, and to be scaled. The
/// difference of two large sums of squares would lose what a row with a large mean has left.
/// </summary>
internal static unsafe class CpuLayerNorm
{
    public static void Run<S, V>(LayerNorm op, in CpuContext context) where S : ISimd<V> where V : struct
    {
        float* input = context.At(op.Input), output = context.At(op.Output), weight = CpuContext.Vector(op.Weight), bias = CpuContext.Vector(op.Bias);
        var (width, epsilon) = (op.Input.Columns, op.Epsilon);
        CpuRows.For(context, op.Input.Rows.Value, width, (begin, end) =>
        {
            for (var row = begin; row < end; row++)
                Row<S, V>(input + (long)row * width, weight, bias, epsilon, output + (long)row * width, width);
        });
    }

    private static void Row<S, V>(float* x, float* weight, float* bias, float epsilon, float* y, int width) where S : ISimd<V> where V : struct
    {
        var mean = Sum<S, V>(x, width) / width;
        var inverse = 1f / MathF.Sqrt(SumOfSquaresAround<S, V>(x, mean, width) / width + epsilon);
        V center = S.Broadcast(mean), by = S.Broadcast(inverse);
        var i = 0;
        for (; i <= width - S.Width; i += S.Width)
            S.Store(y + i, S.Fma(S.Multiply(S.Subtract(S.Load(x + i), center), by), S.Load(weight + i), S.Load(bias + i)));
        for (; i < width; i++)
            y[i] = (x[i] - mean) * inverse * weight[i] + bias[i];
    }

    private static float Sum<S, V>(float* x, int count) where S : ISimd<V> where V : struct
    {
        var total = S.Broadcast(0);
        var i = 0;
        for (; i <= count - S.Width; i += S.Width)
            total = S.Add(total, S.Load(x + i));
        var sum = S.Sum(total);
        for (; i < count; i++)
            sum += x[i];
        return sum;
    }

    private static float SumOfSquaresAround<S, V>(float* x, float mean, int count) where S : ISimd<V> where V : struct
    {
        V center = S.Broadcast(mean), total = S.Broadcast(0);
        var i = 0;
        for (; i <= count - S.Width; i += S.Width)
        {
            var d = S.Subtract(S.Load(x + i), center);
            total = S.Fma(d, d, total);
        }
        var sum = S.Sum(total);
        for (; i < count; i++)
            sum += (x[i] - mean) * (x[i] - mean);
        return sum;
    }
}
