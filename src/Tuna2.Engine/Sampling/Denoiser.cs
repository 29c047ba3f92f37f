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
    private readonly IReadOnlyList<Evaluation> _evaluations = plan.Evaluations();

    /// <summary>Computes what all pictures of the prompt share.</summary>
    public void Begin(ReadOnlySpan<float> source, CancellationToken cancellation) => predictor.Begin(plan, source, cancellation);

    /// <summary>
    /// From a start state to the final one; <paramref name="stepped"/> is told how many steps are done, when they are: on a device
    /// that computes while the host goes on, the next evaluation is under way by then.
    /// </summary>
    public float[] Run(ReadOnlySpan<float> start, Action<int>? stepped, IDenoiseObserver? observer, CancellationToken cancellation)
    {
        predictor.Start(start);
        // Whoever looks at each evaluation must see it before the next one begins.
        var ahead = observer is null ? predictor.Ahead : 0;
        var told = 0;
        for (var i = 0; i < _evaluations.Count; i++)
        {
            var evaluation = _evaluations[i];
            var z = observer is null ? null : predictor.ReadPicture(evaluation.Picture);
            predictor.Evaluate(cancellation);
            predictor.Settle(ahead);
            observer?.Evaluated(i, evaluation.Step.Time, z!, evaluation.Branches);
            Tell(i - ahead);
        }
        predictor.Settle(0);
        Tell(_evaluations.Count - 1);
        return predictor.ReadPicture(Graph.Ops.VelocityStep.StateSlot);

        void Tell(int evaluated)
        {
            if (evaluated < 0 || _evaluations[evaluated].StepsDone == told)
                return;
            told = _evaluations[evaluated].StepsDone;
            stepped?.Invoke(told);
        }
    }
}
