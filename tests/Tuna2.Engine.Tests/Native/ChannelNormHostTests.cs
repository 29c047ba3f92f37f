using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Tests.Cpu;
using Ops = Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Native;

/// <summary>kernels/channel_norm.cu in the host runner, against float64 and the CPU backend.</summary>
public class ChannelNormHostTests
{
    private static readonly HostRunner Runner = new();

    [Test]
    public void Agrees_with_float64_and_the_CPU([Values(1, 17)] int pixels, [Values(8, 160, 1024)] int channels, [Values] bool silu, [Values] bool inPlace)
    {
        var output = Launch(pixels, channels, silu, inPlace, out var cpu);
        output.Check();
        KernelOutput.Against("the CPU backend", output.Actual, cpu, channels).Check();
    }

    [Test]
    public void A_pixel_of_zeros_stays_zero()
    {
        using var x = HostBuffer.Updated<float>("x", new float[8]);
        using var gamma = HostBuffer.Input<float>("gamma", [1, 2, 3, 4, 5, 6, 7, 8]);
        Runner.LaunchChecked(new ChannelNorm(), new ChannelNormArgs { X = x.Address, Y = x.Address, Gamma = gamma.Address, Pixels = 1, Channels = 8 }, x, gamma);
        Assert.That(x.As<float>().ToArray(), Is.All.Zero);
    }

    [Test]
    public void Stays_in_its_buffers()
    {
        using var x = HostBuffer.Input<float>("x", new float[9 * 140]);
        using var y = HostBuffer.Output<float>("y", 9 * 140);
        using var gamma = HostBuffer.Input<float>("gamma", new float[140]);
        SanitizedRunner.Launch(new ChannelNorm(), new ChannelNormArgs { X = x.Address, Y = y.Address, Gamma = gamma.Address, Pixels = 9, Channels = 140, Silu = 1 }, x, y, gamma);
    }

    [TestCase(6)]
    [TestCase(1028)]
    public void Channels_that_do_not_fit_are_refused(int channels) =>
        Assert.That(() => new ChannelNorm().Shape(new() { Pixels = 1, Channels = channels }), Throws.ArgumentException);

    internal static KernelOutput Sample() => Launch(17, 160, silu: true, inPlace: false, out _);

    private static KernelOutput Launch(int pixels, int channels, bool silu, bool inPlace, out float[] cpu)
    {
        var random = new Random(pixels + channels);
        float[] input = ElementType.F32.Random(random, pixels * channels, scale: 3), weight = ElementType.F32.Random(random, channels, scale: 0.2, mean: 1);
        using var x = inPlace ? HostBuffer.Updated<float>("x", input) : HostBuffer.Input<float>("x", input);
        using var y = inPlace ? null : HostBuffer.Output<float>("y", input.Length);
        using var gamma = HostBuffer.Input<float>("gamma", weight);
        var result = y ?? x;
        Runner.LaunchChecked(new ChannelNorm(), new ChannelNormArgs { X = x.Address, Y = result.Address, Gamma = gamma.Address, Pixels = pixels, Channels = channels, Silu = silu ? 1 : 0 },
            y is null ? [x, gamma] : [x, y, gamma]);

        using var rig = new CpuRig(KernelOutput.Cpu);
        var output = rig.Value("y", pixels, channels);
        rig.Run(new Ops.ChannelNorm("norm", rig.Value("x", pixels, channels, input), rig.Vector(weight), silu, output), new Batch());
        cpu = rig.Read(output);
        return new("y", result.As<float>().ToArray(), Reference(v => (float)v), Reference(v => v), channels, ElementType.F32.Noise());

        float[] Reference(Func<double, double> round)
        {
            var expected = new float[input.Length];
            for (var p = 0; p < pixels; p++)
            {
                var scale = round(Math.Sqrt(channels) / Math.Max(Math.Sqrt(input.AsSpan(p * channels, channels).ToArray().Sum(v => (double)v * v)), 1e-12));
                for (var c = 0; c < channels; c++)
                {
                    var v = round(round(input[p * channels + c] * scale) * weight[c]);
                    expected[p * channels + c] = (float)(silu ? v / (1 + Math.Exp(-v)) : v);
                }
            }
            return expected;
        }
    }
}
