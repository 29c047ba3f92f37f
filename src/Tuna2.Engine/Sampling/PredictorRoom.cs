using System.Numerics;
using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Sampling;

/// <summary>
/// What a predictor has memory for, and a captured graph is made for: any plan that fits gives the same bits in it as in one of
/// its own.
/// </summary>
/// <param name="Height">Rows of the picture in what is denoised: pixels, or a latent's cells.</param>
/// <param name="Width">Columns, likewise.</param>
/// <param name="Branches">The conditional prompt, and the unconditional one.</param>
/// <param name="Keys">Keys and values of a branch.</param>
/// <param name="Prefix">Tokens of a branch before the span that is denoised.</param>
/// <param name="Sources">Pictures among a branch's prefix.</param>
/// <param name="Times">Times whose vectors are ready at once.</param>
/// <param name="Evaluations">Evaluations of a run.</param>
/// <param name="Frames">Frames of a clip; a picture is one.</param>
internal sealed record PredictorRoom(int Height, int Width, int Branches, int Keys, int Prefix, int Sources, int Times, int Evaluations, int Frames = 1)
{
    /// <summary>What a plan takes.</summary>
    public static PredictorRoom Of(DenoisePlan plan) => new(
        plan.Height, plan.Width, plan.Branches.Count,
        plan.Branches.Max(b => b.Target.End), plan.Branches.Max(b => b.Target.Offset),
        plan.Branches.Max(b => b.Spans.Count(s => s.Clean) + (b.SourcePatches is null ? 0 : 1)),
        Math.Min(plan.Steps, Predictor.TimesAtOnce), plan.Sampler == SamplerKind.Heun ? 2 * plan.Steps - 1 : plan.Steps, plan.Frames);

    /// <summary>
    /// The room to make for a plan on a backend: just as much, or where it is kept, as much as serves its like. Buckets are an
    /// eighth of the next power of two, 256 keys at least, so that at most an eighth is unused of what is large.
    /// </summary>
    public static PredictorRoom For(DenoisePlan plan, IBackend backend)
    {
        var exact = Of(plan);
        if (!backend.KeepsSlots)
            return exact;
        var keys = Bucket(exact.Keys, 256);
        return exact with
        {
            Keys = keys, Prefix = keys - plan.Branches.Max(b => b.Target.Length),
            Times = exact.Times <= TimesOfFew ? TimesOfFew : Predictor.TimesAtOnce, Evaluations = Bucket(exact.Evaluations, 128),
        };
    }

    /// <summary>Whether a plan can run in it.</summary>
    public bool Holds(DenoisePlan plan)
    {
        var needed = Of(plan);
        return needed.Height == Height && needed.Width == Width && needed.Frames == Frames && needed.Branches <= Branches && needed.Keys <= Keys && needed.Prefix <= Prefix
            && needed.Sources <= Sources && needed.Times <= Times && needed.Evaluations <= Evaluations;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Width}x{Height}, {Branches} branches of {Keys} keys, {Evaluations} evaluations";

    private const int TimesOfFew = 16;

    private static int Bucket(int count, int least)
    {
        var unit = Math.Max(least, (int)BitOperations.RoundUpToPowerOf2((uint)count) / 8);
        return (count + unit - 1) / unit * unit;
    }
}
