using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Cpu;

public class ChannelNormTests
{
    [Test, Combinatorial]
    public void It_agrees_with_double_precision([Values(1, 19, 300)] int pixels, [Values(1, 7, 64, 257)] int channels, [Values] bool silu, [Values] bool inPlace)
    {
        var numbers = new SeededNumbers(pixels + channels);
        float[] x = numbers.Floats(pixels * channels, 3), gamma = numbers.Floats(channels);
        var expected = new double[pixels * channels];
        for (var p = 0; p < pixels; p++)
        {
            var length = Math.Sqrt(Enumerable.Range(0, channels).Sum(c => (double)x[p * channels + c] * x[p * channels + c]));
            for (var c = 0; c < channels; c++)
            {
                var y = x[p * channels + c] / length * Math.Sqrt(channels) * gamma[c];
                expected[p * channels + c] = silu ? y / (1 + Math.Exp(-y)) : y;
            }
        }
        Everywhere.Computes(expected, channels, 1e-6, rig =>
        {
            var input = rig.Value("x", pixels, channels, x);
            var output = inPlace ? input : rig.Value("y", pixels, channels);
            rig.Run(new ChannelNorm("norm", input, rig.Vector(gamma), silu, output), new Batch());
            return rig.Read(output);
        });
    }

    [Test]
    public void Zeros_stay_zeros() => Everywhere.Computes(new double[24], 24, 0, rig =>
    {
        var x = rig.Value("x", 1, 24, new float[24]);
        rig.Run(new ChannelNorm("norm", x, rig.Vector([.. Enumerable.Repeat(1f, 24)]), silu: true, x), new Batch());
        return rig.Read(x);
    });
}
