using System.Numerics;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Models;

namespace Tuna2.Engine.Sampling;

/// <summary>
/// What a predictor has memory for, and a captured graph is made for: any plans that fit give the same bits in it as in one of
/// their own.
/// </summary>
/// <param name="Height">Rows of the picture in what is denoised: pixels, or a latent's cells.</param>
/// <param name="Width">Columns, likewise.</param>
/// <param name="Branches">The conditional prompt, and the unconditional one.</param>
/// <param name="Keys">Keys and values of a branch of a picture.</param>
/// <param name="Prefix">Tokens of a branch before the span that is denoised.</param>
/// <param name="Sources">Pictures among a branch's prefix.</param>
/// <param name="Times">Times whose vectors are ready at once.</param>
/// <param name="Evaluations">Evaluations of a run.</param>
/// <param name="Frames">Frames of a clip; a picture is one.</param>
/// <param name="Pictures">Pictures that are stepped together.</param>
/// <param name="Prefixes">Prefixes that are kept: pictures of one prompt share theirs.</param>
/// <param name="Originals">Sources the prompts show.</param>
internal sealed record PredictorRoom(
    int Height, int Width, int Branches, int Keys, int Prefix, int Sources, int Times, int Evaluations, int Frames, int Pictures, int Prefixes, int Originals)
{
    /// <summary>What a picture takes.</summary>
    public static PredictorRoom Of(DenoisePlan plan) => Of([plan]);

    /// <summary>What pictures that are stepped together take, all of one size.</summary>
    public static PredictorRoom Of(IReadOnlyList<DenoisePlan> plans)
    {
        PromptLayout[] branches = [.. plans.SelectMany(plan => plan.Branches)];
        return new(
            plans[0].Height, plans[0].Width, plans.Max(plan => plan.Branches.Count),
            branches.Max(b => b.Target.End), branches.Max(b => b.Target.Offset),
            branches.Max(b => b.Spans.Count(s => s.Clean) + (b.SourcePatches is null ? 0 : 1)),
            plans.Max(plan => Math.Min(plan.Steps, Predictor.TimesAtOnce)), plans.Max(plan => plan.Sampler == SamplerKind.Heun ? 2 * plan.Steps - 1 : plan.Steps),
            plans[0].Frames, plans.Count, plans.SelectMany(plan => plan.Prefixes).Distinct().Count(),
            Math.Max(1, plans.Select(plan => plan.Source).OfType<float[]>().Distinct().Count()));
    }

    /// <summary>The room to make for a picture.</summary>
    public static PredictorRoom For(DenoisePlan plan, IBackend backend) => For([[plan]], backend);

    /// <summary>
    /// The room to make on a backend for runs one after the other: just as much, or where it is kept, as much as serves its like. Buckets are
    /// an eighth of the next power of two, 256 keys at least, so that at most an eighth is unused of what is large.
    /// </summary>
    /// <param name="runs">Of each run its pictures; of all the size is one.</param>
    /// <param name="backend">What runs them.</param>
    public static PredictorRoom For(IReadOnlyList<IReadOnlyList<DenoisePlan>> runs, IBackend backend)
    {
        var exact = runs.Select(Of).Aggregate((a, b) => a.With(b));
        if (!backend.KeepsSlots)
            return exact;
        var keys = Bucket(exact.Keys, 256);
        return exact with
        {
            Keys = keys, Prefix = keys - runs.Max(run => run.Max(plan => plan.Branches.Max(b => b.Target.Length))),
            Times = exact.Times <= TimesOfFew ? TimesOfFew : Predictor.TimesAtOnce, Evaluations = Bucket(exact.Evaluations, 128),
        };
    }

    /// <summary>Whether pictures can be stepped together in it.</summary>
    public bool Holds(IReadOnlyList<DenoisePlan> plans) =>
        plans.All(plan => (plan.Height, plan.Width, plan.Frames) == (Height, Width, Frames)) && With(Of(plans)) == this;

    /// <inheritdoc/>
    public override string ToString() => $"{Pictures} of {Width}x{Height}, {Branches} branches of {Keys} keys behind {Prefixes} prefixes, {Evaluations} evaluations";

    /// <summary>The room for either, which are of one size.</summary>
    private PredictorRoom With(PredictorRoom other) => this with
    {
        Branches = Math.Max(Branches, other.Branches), Keys = Math.Max(Keys, other.Keys), Prefix = Math.Max(Prefix, other.Prefix), Sources = Math.Max(Sources, other.Sources),
        Times = Math.Max(Times, other.Times), Evaluations = Math.Max(Evaluations, other.Evaluations), Pictures = Math.Max(Pictures, other.Pictures),
        Prefixes = Math.Max(Prefixes, other.Prefixes), Originals = Math.Max(Originals, other.Originals),
    };

    private const int TimesOfFew = 16;

    private static int Bucket(int count, int least)
    {
        var unit = Math.Max(least, (int)BitOperations.RoundUpToPowerOf2((uint)count) / 8);
        return (count + unit - 1) / unit * unit;
    }
}
