namespace Tuna2.Engine.Graph.Ops;

/// <summary>Which part of a solver's step is taken.</summary>
public enum StepPhase
{
    /// <summary>next = z + dt v.</summary>
    Euler,

    /// <summary>Heun's first half: remembers v, trial = z + dt v.</summary>
    HeunTrial,

    /// <summary>Heun's second half: next = z + dt (remembered v + v at the trial state) / 2.</summary>
    HeunCorrect,
}

/// <summary>What the flow head predicts.</summary>
public enum PredictionKind
{
    /// <summary>The clean picture: v = (x0 - z) / max(0.05, 1 - t). The pixel variants.</summary>
    X0,

    /// <summary>The velocity itself. The latent variant.</summary>
    Velocity,
}

/// <summary>The numbers of a step.</summary>
/// <param name="Time">The time the prediction was made at.</param>
/// <param name="Delta">Length of the step in time.</param>
/// <param name="Guidance">CFG strength; 1 takes the conditional prediction alone.</param>
/// <param name="Phase">Which part of the solver's step.</param>
public readonly record struct StepParameters(float Time, float Delta, float Guidance = 1, StepPhase Phase = StepPhase.Euler);

/// <summary>A picture's part of a batch: its predictions, and what becomes of them. Pictures of a batch may be at different steps of different runs.</summary>
/// <param name="Picture">Which of the pictures that are denoised.</param>
/// <param name="Conditional">First patch row of the conditional prediction.</param>
/// <param name="Unconditional">First patch row of the unconditional one; -1 where there is none, and guidance is 1.</param>
/// <param name="Numbers">The numbers of its step.</param>
public readonly record struct PictureStep(int Picture, int Conditional, int Unconditional, StepParameters Numbers);

/// <summary>
/// From the flow head's rows to the next states, fused: unpatchify; p = u + g (c - u); the velocity that p is or leads to
/// (<see cref="PredictionKind"/>); then the solver's update, picture by picture as the batch's <see cref="Batch.Steps"/> say (MODEL.md
/// 4, official jit_utils.py and transport/integrators.py). Element by element in float32.
/// </summary>
public sealed class VelocityStep(string name, HeadOutput head, Value pictures, Value velocity, Value? predictions, PredictionKind prediction = PredictionKind.X0) : Op(name)
{
    /// <summary>What the rows are.</summary>
    public PredictionKind Prediction { get; } = prediction;

    /// <summary>The head's rows; the batch's <see cref="Batch.Steps"/> say where those of a picture's branches begin.</summary>
    public HeadOutput Head { get; } = head;

    /// <summary>
    /// (slots, elements): of each picture <see cref="SlotsOfPicture"/>, of which slot <see cref="StateSlot"/> is z, slot
    /// <see cref="TrialSlot"/> Heun's trial state; others may follow.
    /// </summary>
    public Value Pictures { get; } = pictures;

    /// <summary>(pictures, elements): Heun's remembered v.</summary>
    public Value Velocity { get; } = velocity;

    /// <summary>(predictions, elements): where every placement's own prediction goes when somebody watches, else null.</summary>
    public Value? Predictions { get; } = predictions;

    /// <summary>Slots a picture that is denoised takes.</summary>
    public const int SlotsOfPicture = 2;

    /// <summary>Of a picture's slots the one that holds z.</summary>
    public const int StateSlot = 0;

    /// <summary>The one that holds Heun's trial state.</summary>
    public const int TrialSlot = 1;

    /// <summary>The smallest 1 - t a velocity is divided by (official jit_utils.py).</summary>
    public const float SmallestRemaining = 0.05f;

    /// <summary>
    /// How much time a prediction made at <paramref name="time"/> is away from the picture: what an x0 is divided by, and how
    /// far a velocity leads.
    /// </summary>
    public static float Remaining(PredictionKind prediction, float time) =>
        prediction == PredictionKind.X0 ? MathF.Max(SmallestRemaining, 1 - time) : 1 - time;

    /// <inheritdoc/>
    public override IEnumerable<Value> Reads => [Head.Rows, Pictures, Velocity];

    /// <inheritdoc/>
    public override IEnumerable<Value> Writes => Predictions is null ? [Pictures, Velocity] : [Pictures, Velocity, Predictions];
}
