using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Cpu;

/// <summary>CPU side of <see cref="ChannelNorm"/>.</summary>
internal static unsafe class CpuChannelNorm
{
    public static void Run<S, V>(ChannelNorm op, in CpuContext context) where S : ISimd<V> where V : struct
    {
        float* input = context.At(op.Input), output = context.At(op.Output), gamma = CpuContext.Vector(op.Gamma);
        var (width, silu) = (op.Input.Columns, op.Silu);
        var root = MathF.Sqrt(width);
        CpuRows.For(context, op.Input.Rows.Value, width, (begin, end) =>
        {
            for (var row = begin; row < end; row++)
            {
                float* x = input + (long)row * width, y = output + (long)row * width;
                var scale = root / MathF.Max(MathF.Sqrt(CpuElements.SumOfSquares<S, V>(x, width)), ChannelNorm.LeastLength);
                var by = S.Broadcast(scale);
                var i = 0;
                for (; i <= width - S.Width; i += S.Width)
                {
                    var v = S.Multiply(S.Multiply(S.Load(x + i), by), S.Load(gamma + i));
                    S.Store(y + i, silu ? CpuActivations.Silu<S, V>(v) : v);
                }
                for (; i < width; i++)
                {
                    var v = x[i] * scale * gamma[i];
                    y[i] = silu ? CpuActivations.Silu<ScalarSimd, float>(v) : v;
                }
            }
        });
    }
}
