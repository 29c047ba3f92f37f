using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Cpu;

public class VelocityStepTests
{
    private const int Count = 45, Slots = 3;

    [Test, Combinatorial]
    public void A_step_agrees_with_double_precision(
        [Values] StepPhase phase, [Values(0f, 0.5f, 0.94f, 0.96f, 1f)] float time, [Values(0f, 1f, 3f)] float guidance)
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
            var x0 = guidance == 1 ? predictions[i] : (1.0 - guidance) * predictions[Count + i] + (double)guidance * predictions[i];
            var v = (x0 - (phase == StepPhase.HeunCorrect ? trial : z)) / Math.Max(0.05, 1.0 - time);
            if (phase == StepPhase.HeunTrial)
                (after[VelocityStep.TrialSlot * Count + i], velocity[i]) = (z + delta * v, v);
            else
                after[VelocityStep.StateSlot * Count + i] = z + delta * (phase == StepPhase.Euler ? v : (remembered[i] + v) / 2);
        }
        double[] expected = phase == StepPhase.Euler ? after : [.. after, .. velocity];
        Everywhere.Computes(expected, Count, 1e-6, rig =>
        {
            Value p = rig.Value("predictions", 2, Count, predictions), z = rig.Value("pictures", Slots, Count, pictures), v = rig.Value("velocity", 1, Count, remembered);
            rig.Run(new VelocityStep("step", p, z, v, new StepParameters { Time = time, Delta = delta, Guidance = guidance, Phase = phase }), new Batch());
            return phase == StepPhase.Euler ? rig.Read(z) : [.. rig.Read(z), .. rig.Read(v)];
        });
    }

    [Test]
    public void Guidance_without_a_second_branch_is_an_error()
    {
        using var rig = new CpuRig(Everywhere.Backends.First());
        var op = new VelocityStep("step", rig.Value("predictions", 1, Count), rig.Value("pictures", Slots, Count), rig.Value("velocity", 1, Count), new StepParameters { Guidance = 2 });
        Assert.That(() => rig.Run(op, new Batch()), Throws.InvalidOperationException);
    }
}
