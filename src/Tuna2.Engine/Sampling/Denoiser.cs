using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Sampling;

/// <summary>Sees every evaluation of the model: what parity compares.</summary>
internal interface IDenoiseObserver
{
    /// <summary>After evaluation <paramref name="call"/>: the state it saw, its time; predictions are still in the predictor.</summary>
    void Evaluated(int call, float time, float[] z, int branches);
}

/// <summary>
/// The solver: walks the times from noise to picture (MODEL.md section 4, official jit_utils.py and transport/integrators.py), in float32. Pictures
/// are stepped together, and one run after another over the same prompts shares the prefixes.
/// </summary>
internal sealed class Denoiser
{
    private readonly Predictor _predictor;
    private readonly IReadOnlyList<DenoisePlan> _plans;
    private readonly IReadOnlyList<Evaluation> _evaluations;
    private float[][]? _estimates;

    /// <param name="predictor">What evaluates the model.</param>
    /// <param name="plans">One for each of the pictures that are stepped together, over the same times by the same solver.</param>
    public Denoiser(Predictor predictor, IReadOnlyList<DenoisePlan> plans)
    {
        (_predictor, _plans) = (predictor, plans);
        _evaluations = plans[0].Evaluations();
    }

    /// <summary>For one picture.</summary>
    public Denoiser(Predictor predictor, DenoisePlan plan) : this(predictor, [plan]) { }

    /// <summary>After every so many steps but the last <see cref="Estimate"/> is computed; 0 for never.</summary>
    public int EstimateEvery { get; init; }

    /// <summary>
    /// Where the step just told leads a picture, at the end of its velocity: for Euler the guided x0 it was computed from, up to
    /// rounding. Null after steps without one.
    /// </summary>
    public float[]? Estimate(int picture) => _estimates?[picture];

    /// <summary>Computes what all evaluations share.</summary>
    public void Begin(CancellationToken cancellation) => _predictor.Begin(_plans, cancellation);

    /// <summary>As the other, for one picture.</summary>
    public float[] Run(float[] start, Action<int>? stepped, IDenoiseObserver? observer, CancellationToken cancellation) =>
        Run([start], stepped is null ? null : (_, step) => stepped(step), observer, cancellation)[0];

    /// <summary>
    /// From the start states to the final ones; <paramref name="stepped"/> is told of each picture how many steps are done, when they are: on
    /// a device that computes while the host goes on, the next evaluation is under way by then.
    /// </summary>
    /// <param name="starts">A state for each picture.</param>
    /// <param name="stepped">Told the picture and the step.</param>
    /// <param name="observer">Sees the evaluations of the first picture.</param>
    /// <param name="cancellation">Seen between ops.</param>
    public float[][] Run(IReadOnlyList<float[]> starts, Action<int, int>? stepped, IDenoiseObserver? observer, CancellationToken cancellation)
    {
        _predictor.Start(starts);
        var times = _plans[0].Times;
        var told = 0;
        float[][]? before = null;
        for (var i = 0; i < _evaluations.Count; i++)
        {
            var evaluation = _evaluations[i];
            var step = i == 0 ? 0 : _evaluations[i - 1].StepsDone;
            var last = evaluation.StepsDone > step;
            if (EstimateEvery > 0 && (step + 1) % EstimateEvery == 0 && step + 1 < _plans[0].Steps)
                before ??= States();
            var z = observer is null ? null : _predictor.ReadPicture(0, evaluation.Slot);
            _predictor.Evaluate(cancellation);

            // Whoever looks at an evaluation must see it before the next one begins.
            var ahead = observer is null && !(last && before is not null) ? _predictor.Ahead : 0;
            _predictor.Settle(ahead);
            observer?.Evaluated(i, evaluation.Step.Time, z!, evaluation.Branches);
            if (!last || before is null)
            {
                TellTo(i - ahead);
                continue;
            }
            TellTo(i - 1);
            var along = VelocityStep.Remaining(_plans[0].Prediction, times[step]) / (times[step + 1] - times[step]);
            var after = States();
            _estimates = [.. before.Select((from, picture) => Extrapolate(from, after[picture], along))];
            before = null;
            TellTo(i);
            _estimates = null;
        }
        _predictor.Settle(0);
        TellTo(_evaluations.Count - 1);
        return States();

        float[][] States() => [.. _plans.Select((_, picture) => _predictor.ReadPicture(picture))];

        void TellTo(int evaluated)
        {
            for (; evaluated >= 0 && told < _evaluations[evaluated].StepsDone; told++)
                for (var picture = 0; picture < _plans.Count; picture++)
                    stepped?.Invoke(picture, told + 1);
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
