using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Sampling;

/// <summary>Sees every evaluation of the model: what parity compares.</summary>
internal interface IDenoiseObserver
{
    /// <summary>After evaluation <paramref name="call"/>: the state it saw, its time; predictions are still in the predictor.</summary>
    void Evaluated(int call, float time, float[] z, int branches);
}

/// <summary>
/// The solver: walks the times from noise to picture (MODEL.md section 4, official jit_utils.py and transport/integrators.py), in float32. One run after
/// another over the same prompt shares the prefix.
/// </summary>
internal sealed class Denoiser(Predictor predictor, DenoisePlan plan)
{
    private readonly IReadOnlyList<Evaluation> _evaluations = plan.Evaluations();

    /// <summary>After every so many steps but the last <see cref="Estimate"/> is computed; 0 for never.</summary>
    public int EstimateEvery { get; init; }

    /// <summary>
    /// Where the step just told leads, at the end of its velocity: for Euler the guided x0 it was computed from, up to
    /// rounding. Null after steps without one.
    /// </summary>
    public float[]? Estimate { get; private set; }

    /// <summary>Computes what all pictures of the prompt share.</summary>
    public void Begin(ReadOnlySpan<float> source, CancellationToken cancellation) => predictor.Begin(plan, source, cancellation);

    /// <summary>
    /// From a start state to the final one; <paramref name="stepped"/> is told how many steps are done, when they are: on a device
    /// that computes while the host goes on, the next evaluation is under way by then.
    /// </summary>
    public float[] Run(ReadOnlySpan<float> start, Action<int>? stepped, IDenoiseObserver? observer, CancellationToken cancellation)
    {
        predictor.Start(start);
        var told = 0;
        float[]? before = null;
        for (var i = 0; i < _evaluations.Count; i++)
        {
            var evaluation = _evaluations[i];
            var step = i == 0 ? 0 : _evaluations[i - 1].StepsDone;
            var last = evaluation.StepsDone > step;
            if (EstimateEvery > 0 && (step + 1) % EstimateEvery == 0 && step + 1 < plan.Steps)
                before ??= predictor.ReadPicture(VelocityStep.StateSlot);
            var z = observer is null ? null : predictor.ReadPicture(evaluation.Picture);
            predictor.Evaluate(cancellation);

            // Whoever looks at an evaluation must see it before the next one begins.
            var ahead = observer is null && !(last && before is not null) ? predictor.Ahead : 0;
            predictor.Settle(ahead);
            observer?.Evaluated(i, evaluation.Step.Time, z!, evaluation.Branches);
            if (!last || before is null)
            {
                TellTo(i - ahead);
                continue;
            }
            TellTo(i - 1);
            Estimate = Extrapolate(before, predictor.ReadPicture(VelocityStep.StateSlot), VelocityStep.Remaining(plan.Prediction, plan.Times[step]) / (plan.Times[step + 1] - plan.Times[step]));
            before = null;
            TellTo(i);
            Estimate = null;
        }
        predictor.Settle(0);
        TellTo(_evaluations.Count - 1);
        return predictor.ReadPicture(VelocityStep.StateSlot);

        void TellTo(int evaluated)
        {
            for (; evaluated >= 0 && told < _evaluations[evaluated].StepsDone; told++)
                stepped?.Invoke(told + 1);
        }
    }

    /// <summary>The line from one state through the next, a number of steps along, written over the first.</summary>
    private static float[] Extrapolate(float[] from, float[] next, float steps)
    {
        for (var i = 0; i < from.Length; i++)
            from[i] += (next[i] - from[i]) * steps;
        return from;
    }
}
