using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Cpu;

public class Conv3dTests
{
    private static IEnumerable<TestCaseData> Cases()
    {
        ConvShape causal = new(3, 3, Before: 1, After: 1), down = new(1, 3, Stride: 2, After: 1), timeUp = new(3, 1), timeDown = new(3, 1, FrameStride: 2);
        yield return new TestCaseData(causal, new Grid(1, 1, 1), 2, 0, 1, 1);
        yield return new TestCaseData(causal, new Grid(1, 5, 7), 2, 0, 3, 12);
        yield return new TestCaseData(causal, new Grid(4, 6, 13), 2, 0, 20, 33);
        yield return new TestCaseData(causal, new Grid(2, 9, 60), 2, 0, 4, 70);
        yield return new TestCaseData(causal, new Grid(1, 2, 3), 2, 0, 300, 5);
        yield return new TestCaseData(causal, new Grid(1, 5, 7), 0, 2, 30, 12);
        yield return new TestCaseData(causal, new Grid(3, 7, 31), 0, 2, 40, 20);
        yield return new TestCaseData(causal, new Grid(3, 4, 5), 1, 1, 7, 6);
        yield return new TestCaseData(timeDown, new Grid(3, 3, 5), 0, 2, 8, 8);
        yield return new TestCaseData(down, new Grid(2, 6, 10), 0, 0, 5, 9);
        yield return new TestCaseData(timeUp, new Grid(1, 3, 5), 2, 0, 8, 16);
        yield return new TestCaseData(timeDown, new Grid(4, 3, 5), 1, 0, 8, 8);
        yield return new TestCaseData(timeDown, new Grid(2, 3, 5), 1, 0, 8, 8);
    }

    [TestCaseSource(nameof(Cases))]
    public void It_agrees_with_double_precision(ConvShape shape, Grid size, int past, int zeroFrames, int channels, int columns)
    {
        foreach (var precision in new[] { Precision.BF16, Precision.F32 })
        {
            var numbers = new SeededNumbers(channels + columns);
            var frame = size.Height * size.Width;
            float[] input = numbers.Floats(size.Count * channels), before = numbers.Floats(past * frame * channels);
            float[] weight = numbers.Floats(columns * shape.Taps * channels, precision), bias = numbers.Floats(columns);
            var to = shape.Output(size, zeroFrames + past);
            var residual = numbers.Floats(to.Count * columns);
            var expected = new double[to.Count * columns];
            for (var pixel = 0; pixel < to.Count; pixel++)
                for (var o = 0; o < columns; o++)
                {
                    var sum = (double)bias[o] + residual[pixel * columns + o];
                    for (var tap = 0; tap < shape.Taps; tap++)
                    {
                        var t = pixel / (to.Height * to.Width) * shape.FrameStride + tap / (shape.Side * shape.Side) - past - zeroFrames;
                        var y = pixel / to.Width % to.Height * shape.Stride + tap / shape.Side % shape.Side - shape.Before;
                        var x = pixel % to.Width * shape.Stride + tap % shape.Side - shape.Before;
                        if (t < -past || y < 0 || y >= size.Height || x < 0 || x >= size.Width)
                            continue;
                        for (var c = 0; c < channels; c++)
                            sum += (double)weight[(o * shape.Taps + tap) * channels + c]
                                * (t < 0 ? before[((t + past) * frame + y * size.Width + x) * channels + c] : input[(t * frame + y * size.Width + x) * channels + c]);
                    }
                    expected[pixel * columns + o] = sum;
                }
            Everywhere.Computes(expected, columns, 1e-6, rig =>
            {
                var output = rig.Value("output", to.Count, columns);
                var op = new Conv3d("conv1", rig.Value("input", size.Count, channels, input), size, past == 0 ? null : rig.Value("past", past * frame, channels, before),
                    rig.Weight(columns, shape.Taps * channels, precision, weight), rig.Vector(bias), shape, output, rig.Value("residual", to.Count, columns, residual), zeroFrames);
                Assert.That(op.OutputSize, Is.EqualTo(to));
                rig.Run(op, new Batch());
                return rig.Read(output);
            });
        }
    }

    [Test]
    public void Frames_of_zeros_are_as_zeros_that_are_stored_bit_for_bit()
    {
        ConvShape causal = new(3, 3, Before: 1, After: 1);
        Grid size = new(2, 11, 30);
        var (numbers, channels, columns) = (new SeededNumbers(1), 100, 24);
        float[] input = numbers.Floats(size.Count * channels), weight = numbers.Floats(columns * causal.Taps * channels), bias = numbers.Floats(columns);
        foreach (var backend in Everywhere.Backends)
        {
            using var rig = new CpuRig(backend);
            Value x = rig.Value("input", size.Count, channels, input), past = rig.Value("past", 2 * 330, channels, new float[2 * 330 * channels]);
            Value stored = rig.Value("stored", size.Count, columns), known = rig.Value("known", size.Count, columns);
            var w = rig.Weight(columns, causal.Taps * channels, Precision.F32, weight);
            rig.Run(new Conv3d("stored", x, size, past, w, rig.Vector(bias), causal, stored), new Batch());
            rig.Run(new Conv3d("known", x, size, null, w, rig.Vector(bias), causal, known, zeroFrames: 2), new Batch());
            Assert.That(rig.Read(known), Is.EqualTo(rig.Read(stored)));
        }
    }

    [Test]
    public void A_weight_of_another_kernel_is_refused()
    {
        using var rig = new CpuRig(Everywhere.Backends.First());
        Assert.That(() => new Conv3d("conv1", rig.Value("input", 4, 2), new Grid(1, 2, 2), null, rig.Weight(1, 18, Precision.F32, new float[18]), rig.Vector([0]), new ConvShape(3, 3), rig.Value("output", 4, 1)),
            Throws.ArgumentException.With.Message.Contains("27 taps of 2 channels"));
    }

    [Test]
    public void An_output_that_is_too_small_is_an_error_and_not_an_overrun()
    {
        using var rig = new CpuRig(Everywhere.Backends.First());
        var op = new Conv3d("conv1", rig.Value("input", 4, 1), new Grid(1, 2, 2), null, rig.Weight(1, 9, Precision.F32, new float[9]), rig.Vector([0]),
            new ConvShape(1, 3, Before: 1, After: 1), rig.Value("output", 3, 1));
        Assert.That(() => rig.Run(op, new Batch()), Throws.InvalidOperationException);
    }
}
