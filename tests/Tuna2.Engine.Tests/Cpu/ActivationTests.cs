using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Cpu;

public class ActivationTests
{
    private static readonly float[] s_extremes = [-3e38f, -1e10f, -1e4f, -200, -104, -89, -88, -87, -20, -1e-30f, 0, 1e-30f, 20, 87, 88, 89, 200, 1e4f, 1e10f, 3e38f];

    [TestCase(1, 1)]
    [TestCase(3, 37)]
    [TestCase(200, 267)]
    public void Silu_agrees_with_double_precision(int rows, int width)
    {
        var x = new SeededNumbers(rows).Floats(rows * width, 12);
        Everywhere.Computes(Array.ConvertAll(x, v => Silu(v)), width, 1e-6, rig =>
        {
            var y = rig.Value("x", rows, width, x);
            rig.Run(new Silu("silu", y, y), new Batch());
            return rig.Read(y);
        });
    }

    [TestCase(1, 1)]
    [TestCase(3, 37)]
    [TestCase(200, 267)]
    public void SwiGlu_agrees_with_double_precision(int rows, int width)
    {
        var x = new SeededNumbers(rows).Floats(rows * 2 * width, 12);
        var expected = new double[rows * width];
        for (var i = 0; i < expected.Length; i++)
            expected[i] = Silu(x[i / width * 2 * width + i % width]) * x[i / width * 2 * width + width + i % width];
        Everywhere.Computes(expected, width, 1e-6, rig =>
        {
            var y = rig.Value("y", rows, width);
            rig.Run(new SwiGlu("swiglu", rig.Value("x", rows, 2 * width, x), y), new Batch());
            return rig.Read(y);
        });
    }

    /// <summary>Every element is a row of its own: beside 3e38 a NaN would fail, but a wrong small value would not show.</summary>
    [Test]
    public void The_largest_and_smallest_inputs_give_numbers()
    {
        foreach (var backend in Everywhere.Backends)
        {
            using var rig = new CpuRig(backend);
            Value x = rig.Value("x", 1, s_extremes.Length, s_extremes), y = rig.Value("y", 1, s_extremes.Length);
            rig.Run(new Silu("silu", x, y), new Batch());
            var actual = rig.Read(y);
            for (var i = 0; i < actual.Length; i++)
                Assert.That((double)actual[i], Is.EqualTo(Silu(s_extremes[i])).Within(1e-6 * Math.Abs(Silu(s_extremes[i])) + 1e-35), $"{backend.Simd}: silu({s_extremes[i]})");
        }
    }

    private static double Silu(double x) => x / (1 + Math.Exp(-x));
}
