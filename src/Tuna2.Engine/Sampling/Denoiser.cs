using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Sampling;

/// <summary>Sees every evaluation of the model: what parity compares.</summary>
internal interface IDenoiseObserver
{
    /// <summary>After evaluation <paramref name="call"/>: the state it saw, its time; predictions are still in the predictor.</summary>
    void Evaluated(int call, float time, float[] z, int branches);
}

/// <summary>
/// The solver: walks the times from noise to picture (MODEL.md section 4, official jit_utils.py), in float32. One run after
/// another over the same prompt shares the prefix.
/// </summary>
internal sealed class Denoiser(Predictor predictor, DenoisePlan plan)
{
    private readonly float[] _times = TimeGrid.Linear(plan.Steps);

    /// <summary>After every so many steps but the last <see cref="Estimate"/> is computed; 0 for never.</summary>
    public int EstimateEvery { get; init; }

    /// <summary>
    /// Where the step just taken leads, at the end of its velocity: for Euler the guided x0 it was computed from, up to
    /// rounding. Null after steps without one.
    /// </summary>
    public float[]? Estimate { get; private set; }

    /// <summary>Computes what all pictures of the prompt share.</summary>
    public void Begin(ReadOnlySpan<float> source, CancellationToken cancellation) => predictor.Begin(_times.AsSpan(0, plan.Steps), source, cancellation);

    /// <summary>From a start state to the final one; <paramref name="stepped"/> is told how many steps are done.</summary>
    public float[] Run(ReadOnlySpan<float> start, Action<int>? stepped, IDenoiseObserver? observer, CancellationToken cancellation)
    {
        predictor.SetState(start);
        var call = 0;
        for (var i = 0; i < plan.Steps; i++)
        {
            var delta = _times[i + 1] - _times[i];
            var before = EstimateEvery > 0 && (i + 1) % EstimateEvery == 0 && i + 1 < plan.Steps ? predictor.ReadPicture(VelocityStep.StateSlot) : null;
            if (plan.Sampler == SamplerKind.Heun && i < plan.Steps - 1)
            {
                Evaluate(i, VelocityStep.StateSlot, StepPhase.HeunTrial);
                Evaluate(i + 1, VelocityStep.TrialSlot, StepPhase.HeunCorrect);
            }
            else
            {
                Evaluate(i, VelocityStep.StateSlot, StepPhase.Euler);
            }
            Estimate = before is null ? null : Extrapolate(before, predictor.ReadPicture(VelocityStep.StateSlot), MathF.Max(VelocityStep.SmallestRemaining, 1 - _times[i]) / delta);
            stepped?.Invoke(i + 1);

            void Evaluate(int time, int slot, StepPhase phase)
            {
                var z = observer is null ? null : predictor.ReadPicture(slot);
                var p = predictor.Parameters;
                (p.Time, p.Delta, p.Guidance, p.Phase) = (_times[time], delta, plan.Guidance.At(_times[time]), phase);
                var branches = plan.EveryBranch || p.Guidance != 1 ? plan.Branches.Count : 1;
                predictor.Step(time, slot, branches, cancellation);
                observer?.Evaluated(call++, _times[time], z!, branches);
            }
        }
        return predictor.ReadPicture(VelocityStep.StateSlot);
    }

    /// <summary>The line from one state through the next, a number of steps along, written over the first.</summary>
    private static float[] Extrapolate(float[] from, float[] next, float steps)
    {
        for (var i = 0; i < from.Length; i++)
            from[i] += (next[i] - from[i]) * steps;
        return from;
    }
}
