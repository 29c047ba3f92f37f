using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Cpu;

/// <summary>CPU side of <see cref="TimestepSinusoids"/>: a few hundred elements per time, before the loop.</summary>
internal static unsafe class CpuTimestepSinusoids
{
    public static void Run(TimestepSinusoids op, in CpuContext context)
    {
        float* times = context.At(op.Times), output = context.At(op.Output);
        var half = op.Output.Columns / 2;
        for (var row = 0; row < op.Times.Rows.Value; row++)
        {
            var y = output + (long)row * 2 * half;
            for (var i = 0; i < half; i++)
            {
                var (sin, cos) = MathF.SinCos(times[row] * MathF.Exp(-MathF.Log(10000) * i / half));
                y[i] = cos;
                y[half + i] = sin;
            }
        }
    }
}
