using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Models;

namespace Tuna2.Engine.Sampling;

/// <summary>What stands before a span that is denoised, with the source it shows: the same objects are the same prefix.</summary>
/// <param name="Layout">The prompt.</param>
/// <param name="Source">The source, as the model has it; null where there is none.</param>
internal readonly record struct Prefix(PromptLayout Layout, float[]? Source);

/// <summary>What is to be denoised, and how: a picture's part of a run.</summary>
/// <param name="Branches">The conditional prompt and, when guidance needs it, the unconditional one.</param>
/// <param name="Height">Rows of the picture in what is denoised: pixels, or a latent's cells.</param>
/// <param name="Width">Columns, likewise.</param>
/// <param name="Steps">Solver steps: moves from one time to the next.</param>
/// <param name="Sampler">The solver.</param>
/// <param name="Guidance">Classifier-free guidance.</param>
/// <param name="EveryBranch">Runs all branches at every evaluation, needed or not: parity compares them all.</param>
/// <param name="Frames">Frames of a clip; a picture is one.</param>
/// <param name="TimeShift">The shift of the times, see <see cref="TimeGrid"/>.</param>
/// <param name="Prediction">What the model predicts.</param>
/// <param name="Source">The source the prompts show, as the model has it; null where there is none.</param>
internal sealed record DenoisePlan(
    IReadOnlyList<PromptLayout> Branches, int Height, int Width, int Steps, SamplerKind Sampler, Guidance Guidance, bool EveryBranch = false,
    int Frames = 1, float TimeShift = 1, PredictionKind Prediction = PredictionKind.X0, float[]? Source = null)
{
    /// <summary>The solver's times, one more than there are steps.</summary>
    public float[] Times { get; } = TimeGrid.Shifted(Steps, TimeShift);

    /// <summary>What stands before its span, branch by branch.</summary>
    public IEnumerable<Prefix> Prefixes => Branches.Select(branch => new Prefix(branch, Source));

    /// <summary>Every evaluation of the model, in order: all of it is known before the first (MODEL.md section 4, official jit_utils.py).</summary>
    public IReadOnlyList<Evaluation> Evaluations()
    {
        var all = new List<Evaluation>();
        for (var i = 0; i < Steps; i++)
        {
            var delta = Times[i + 1] - Times[i];
            if (Sampler == SamplerKind.Heun && i < Steps - 1)
            {
                Add(i, VelocityStep.StateSlot, StepPhase.HeunTrial, i);
                Add(i + 1, VelocityStep.TrialSlot, StepPhase.HeunCorrect, i + 1);
            }
            else
            {
                Add(i, VelocityStep.StateSlot, StepPhase.Euler, i + 1);
            }

            void Add(int time, int slot, StepPhase phase, int stepsDone)
            {
                var step = new StepParameters(Times[time], delta, Guidance.At(Times[time]), phase);
                all.Add(new(time, slot, EveryBranch || step.Guidance != 1 ? Branches.Count : 1, step, stepsDone));
            }
        }
        return all;
    }
}

/// <summary>One evaluation of the model and what the solver makes of it.</summary>
/// <param name="Time">Which of the plan's times it is at.</param>
/// <param name="Slot">Which of the picture's slots it sees.</param>
/// <param name="Branches">How many branches it computes, from the first.</param>
/// <param name="Step">What the solver does with the prediction.</param>
/// <param name="StepsDone">Solver steps that are whole behind it.</param>
internal readonly record struct Evaluation(int Time, int Slot, int Branches, StepParameters Step, int StepsDone);
