using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Cpu;

/// <summary>CPU side of <see cref="VelocityStep"/>.</summary>
internal static unsafe class CpuVelocityStep
{
    /// <summary>The smallest 1 - t a velocity is divided by (official jit_utils.py).</summary>
    private const float SmallestRemaining = 0.05f;

    public static void Run(VelocityStep op, in CpuContext context)
    {
        var p = op.Parameters;
        var count = op.Pictures.Columns;
        float* conditional = context.Rows(op.Predictions, 0, p.Guidance == 1 ? 1 : 2), unconditional = conditional + count, remembered = context.At(op.Velocity);
        var pictures = context.At(op.Pictures);
        float* state = pictures + (long)VelocityStep.StateSlot * count, trial = pictures + (long)VelocityStep.TrialSlot * count;
        var from = p.Phase == StepPhase.HeunCorrect ? trial : state;
        var remaining = MathF.Max(SmallestRemaining, 1 - p.Time);
        for (var i = 0; i < count; i++)
        {
            var x0 = p.Guidance == 1 ? conditional[i] : unconditional[i] + p.Guidance * (conditional[i] - unconditional[i]);
            var v = (x0 - from[i]) / remaining;
            switch (p.Phase)
            {
                case StepPhase.Euler:
                    state[i] += p.Delta * v;
                    break;
                case StepPhase.HeunTrial:
                    remembered[i] = v;
                    trial[i] = state[i] + p.Delta * v;
                    break;
                default:
                    state[i] += p.Delta * (0.5f * (remembered[i] + v));
                    break;
            }
        }
    }
}
