using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Sampling;

namespace Tuna2.Engine.Cpu;

/// <summary>CPU side of <see cref="SampleToken"/>.</summary>
internal static unsafe class CpuSampleToken
{
    public static void Run(SampleToken op, in CpuContext context)
    {
        if (op.Logits.Rows.Value > 0)
            *(int*)context.At(op.Token) = new TokenSampler(op.Choice with { Drawn = context.Batch.Draw }).Pick(new(context.Rows(op.Logits, 0, 1), op.Logits.Columns));
    }
}
