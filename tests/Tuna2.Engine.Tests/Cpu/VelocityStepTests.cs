using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Cpu;

public class VelocityStepTests
{
    private const int Channels = 3, Patch = 4, Height = 8, Width = 12, Slots = 3;
    private const int Tokens = Height / Patch * (Width / Patch), Values = Patch * Patch * Channels, Count = Channels * Height * Width;

    /// <summary>Row of a branch's first patch: behind its time token, the unconditional branch behind the conditional.</summary>
    private static int FirstRow(int branch) => branch * (Tokens + 1) + 1;

    [Test, Combinatorial]
    public void A_step_agrees_with_double_precision(
        [Values] StepPhase phase, [Values(0f, 0.5f, 0.94f, 0.96f, 1f)] float time, [Values(0f, 1f, 3f)] float guidance, [Values] bool raster, [Values] PredictionKind kind)
    {
        const float delta = 0.02f;
        var numbers = new SeededNumbers(9);
        float[] pictures = numbers.Floats(Slots * Count), predictions = numbers.Floats(2 * Count), remembered = numbers.Floats(Count);
        if (guidance == 1)
            predictions.AsSpan(Count).Fill(float.NaN);
        if (phase != StepPhase.HeunCorrect)
            remembered.AsSpan().Fill(float.NaN);

        double[] after = Array.ConvertAll(pictures, x => (double)x), velocity = Array.ConvertAll(remembered, x => (double)x);
        for (var i = 0; i < Count; i++)
        {
            double z = pictures[VelocityStep.StateSlot * Count + i], trial = pictures[VelocityStep.TrialSlot * Count + i];
            var mixed = guidance == 1 ? predictions[i] : (1.0 - guidance) * predictions[Count + i] + (double)guidance * predictions[i];
            var v = kind == PredictionKind.Velocity ? mixed : (mixed - (phase == StepPhase.HeunCorrect ? trial : z)) / Math.Max(0.05, 1.0 - time);
            if (phase == StepPhase.HeunTrial)
                (after[VelocityStep.TrialSlot * Count + i], velocity[i]) = (z + delta * v, v);
            else
                after[VelocityStep.StateSlot * Count + i] = z + delta * (phase == StepPhase.Euler ? v : (remembered[i] + v) / 2);
        }
        double[] expected = phase == StepPhase.Euler ? after : [.. after, .. velocity];
        Everywhere.Computes(expected, Count, 1e-6, rig =>
        {
            Value z = rig.Value("pictures", Slots, Count, pictures), v = rig.Value("velocity", 1, Count, remembered);
            rig.Run(new VelocityStep("step", Head(rig, predictions, raster), z, v, null, kind), Branches(new(time, delta, guidance, phase)));
            return phase == StepPhase.Euler ? rig.Read(z) : [.. rig.Read(z), .. rig.Read(v)];
        });
    }

    /// <summary>A clip's tokens go frame by frame, and so do its planes, whatever the order within a frame.</summary>
    [TestCase(true)]
    [TestCase(false)]
    public void A_clips_frames_lie_behind_each_other(bool raster)
    {
        var clip = new HeadOutput(new Value("rows", new Extent("rows", 3 * Tokens), Values, Storage.Transient), Channels, Height, Width, Patch, raster, Frames: 3);
        var picture = clip with { Frames = 1 };
        Assert.That((clip.Tokens, clip.Plane), Is.EqualTo((3 * Tokens, 3 * Height * Width)));
        for (var token = 0; token < clip.Tokens; token++)
            for (var q = 0; q < clip.Area; q++)
                Assert.That(clip.Pixel(token, q), Is.EqualTo(token / Tokens * Height * Width + picture.Pixel(token % Tokens, q)));
    }

    [TestCase(PredictionKind.X0, 0.25f, 0.75f)]
    [TestCase(PredictionKind.X0, 0.99f, 0.05f)]
    [TestCase(PredictionKind.Velocity, 0.25f, 0.75f)]
    [TestCase(PredictionKind.Velocity, 1f, 0f)]
    public void What_remains_is_bounded_where_it_divides(PredictionKind kind, float time, float remaining) =>
        Assert.That(VelocityStep.Remaining(kind, time), Is.EqualTo(remaining));

    [TestCase(true)]
    [TestCase(false)]
    public void A_watched_step_leaves_every_branches_own_prediction(bool raster)
    {
        var predictions = new SeededNumbers(5).Floats(2 * Count);
        Everywhere.Computes(Array.ConvertAll(predictions, x => (double)x), Count, 0, rig =>
        {
            var kept = rig.Value("predictions", 2, Count);
            rig.Run(new VelocityStep("step", Head(rig, predictions, raster), rig.Value("pictures", Slots, Count, new float[Slots * Count]), rig.Value("velocity", 1, Count), kept),
                Branches(new(0, 0, Guidance: 3)));
            return rig.Read(kept);
        });
    }

    [TestCase(0, 2, 0)]
    [TestCase(1, -1, 0)]
    [TestCase(1, 0, 1)]
    public void A_prediction_outside_slots_or_rows_is_an_error(int slots, int firstRow, int slot)
    {
        using var rig = new CpuRig(Everywhere.Backends.First());
        var head = new HeadOutput(rig.Value("rows", Tokens + 1, Values), Channels, Height, Width, Patch, true);
        var op = new VelocityStep("step", head, rig.Value("pictures", Slots, Count), rig.Value("velocity", 1, Count), slots == 0 ? null : rig.Value("predictions", slots, Count));
        Assert.That(() => rig.Run(op, new Batch { Predictions = slots == 0 ? [] : [new(firstRow, slot)], Steps = slots == 0 ? [new(0, firstRow, -1, new(0, 0))] : [] }), Throws.InvalidOperationException);
    }

    [TestCase(0, -1, TestName = "Guidance without a second branch is an error")]
    [TestCase(1, 0, TestName = "A picture that is not there is an error")]
    public void What_is_not_there_is_an_error(int picture, int unconditional)
    {
        using var rig = new CpuRig(Everywhere.Backends.First());
        var op = new VelocityStep("step", Head(rig, new float[2 * Count], true), rig.Value("pictures", Slots, Count), rig.Value("velocity", 1, Count), null);
        Assert.That(() => rig.Run(op, new Batch { Steps = [new(picture, FirstRow(0), unconditional, new(0, 0, Guidance: 2))] }), Throws.InvalidOperationException);
    }

    /// <summary>Two pictures whose rows stand in the other order, at times and in phases of their own: each as if it were alone.</summary>
    [Test]
    public void Pictures_of_a_batch_take_steps_of_their_own([Values] PredictionKind kind)
    {
        var numbers = new SeededNumbers(3);
        float[] pictures = numbers.Floats(4 * Count), predictions = numbers.Floats(2 * Count), remembered = numbers.Floats(2 * Count);
        StepParameters[] steps = [new(0.25f, 0.02f, 3, StepPhase.HeunCorrect), new(0.5f, 0.1f, 1, StepPhase.HeunTrial)];
        using var rig = new CpuRig(Everywhere.Backends.First());
        var expected = new List<float>();
        for (var picture = 0; picture < 2; picture++)
        {
            Value z = rig.Value("z", 2, Count, pictures[(2 * picture * Count)..((2 * picture + 2) * Count)]), v = rig.Value("v", 1, Count, remembered[(picture * Count)..((picture + 1) * Count)]);
            rig.Run(new VelocityStep("step", Head(rig, predictions, true), z, v, null, kind), new Batch { Steps = [new(0, FirstRow(1 - picture), FirstRow(picture), steps[picture])] });
            expected.AddRange(rig.Read(z));
            expected.AddRange(rig.Read(v));
        }
        Value all = rig.Value("all", 4, Count, pictures), velocities = rig.Value("velocities", 2, Count, remembered);
        rig.Run(new VelocityStep("step", Head(rig, predictions, true), all, velocities, null, kind),
            new Batch { Steps = [.. steps.Select((step, picture) => new PictureStep(picture, FirstRow(1 - picture), FirstRow(picture), step))] });
        float[] after = rig.Read(all), kept = rig.Read(velocities);
        Assert.That((float[])[.. after[..(2 * Count)], .. kept[..Count], .. after[(2 * Count)..], .. kept[Count..]], Is.EqualTo(expected));
    }

    private static Batch Branches(StepParameters step) => new()
    {
        Predictions = [new(FirstRow(0), 0), new(FirstRow(1), 1)], Steps = [new(0, FirstRow(0), FirstRow(1), step)],
    };

    /// <summary>The rows of two branches whose predictions are these planar pictures, patches cut as the layout says.</summary>
    private static HeadOutput Head(CpuRig rig, float[] predictions, bool raster)
    {
        float[] rows = [.. Enumerable.Repeat(float.NaN, 2 * (Tokens + 1) * Values)];
        for (var branch = 0; branch < 2; branch++)
            for (var token = 0; token < Tokens; token++)
                for (var y = 0; y < Patch; y++)
                    for (var x = 0; x < Patch; x++)
                        for (var c = 0; c < Channels; c++)
                        {
                            var q = y * Patch + x;
                            var pixel = raster
                                ? token * Patch * Patch + q
                                : (token / (Width / Patch) * Patch + y) * Width + token % (Width / Patch) * Patch + x;
                            rows[(FirstRow(branch) + token) * Values + q * Channels + c] = predictions[branch * Count + c * Height * Width + pixel];
                        }
        return new HeadOutput(rig.Value("rows", 2 * (Tokens + 1), Values, rows), Channels, Height, Width, Patch, raster);
    }
}
