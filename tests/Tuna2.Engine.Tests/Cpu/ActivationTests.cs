using NUnit.Framework;
using Tuna2.Engine.Cpu;
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

    [TestCase(1, 1, Activation.Gelu)]
    [TestCase(3, 37, Activation.Gelu)]
    [TestCase(200, 267, Activation.Gelu)]
    [TestCase(1, 1, Activation.GeluTanh)]
    [TestCase(3, 37, Activation.GeluTanh)]
    [TestCase(200, 267, Activation.GeluTanh)]
    public void Gelu_agrees_with_double_precision(int rows, int width, Activation form)
    {
        var x = new SeededNumbers(rows).Floats(rows * width, 5);
        Everywhere.Computes(Array.ConvertAll(x, v => Gelu(v, form)), width, 1e-6, rig =>
        {
            return Product(rig, x, rows, form);
        });
    }

    [Test]
    public void The_largest_and_smallest_inputs_of_gelu_give_numbers([Values(Activation.GeluTanh, Activation.Gelu)] Activation form)
    {
        foreach (var backend in Everywhere.Backends)
        {
            using var rig = new CpuRig(backend);
            var actual = Product(rig, s_extremes, 1, form);
            for (var i = 0; i < actual.Length; i++)
                Assert.That((double)actual[i], Is.EqualTo(Gelu(s_extremes[i], form)).Within(1e-6 * Math.Abs(Gelu(s_extremes[i], form)) + 1e-35), $"{backend.Simd}: gelu({s_extremes[i]})");
        }
    }

    /// <summary>Values of erf to fifteen digits (Abramowitz and Stegun, table 7.1, and DLMF 7.12 for the last).</summary>
    [TestCase(0, 1)]
    [TestCase(0.5, 1.520499877813047)]
    [TestCase(1, 1.842700792949715)]
    [TestCase(2, 1.995322265018953)]
    [TestCase(-1, 0.157299207050285)]
    [TestCase(-2.5, 0.000406952017445)]
    [TestCase(-3, 0.0000220904969985854)]
    [TestCase(-5, 1.5374597944280349e-12)]
    public void The_error_function_is_right(double x, double onePlusErf) =>
        Assert.That(ErrorFunction.OnePlusErf(x), Is.EqualTo(onePlusErf).Within(2e-15 + 1e-12 * onePlusErf));

    [Test]
    public void The_error_function_has_no_step_where_its_two_forms_meet()
    {
        foreach (var at in new[] { -2.5, 2.5 })
        {
            double below = ErrorFunction.OnePlusErf(Math.BitDecrement(at)), above = ErrorFunction.OnePlusErf(Math.BitIncrement(at));
            Assert.That(above, Is.EqualTo(below).Within(1e-12 * below));
        }
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

    /// <summary>An activation behind a product with the unit matrix, whose sums are the numbers themselves.</summary>
    private static float[] Product(CpuRig rig, float[] x, int rows, Activation activation)
    {
        var width = x.Length / rows;
        var weight = new float[width * rows];
        for (var column = 0; column < width; column++)
            for (var row = 0; row < rows; row++)
                weight[column * rows + row] = x[row * width + column];
        var unit = new float[rows * rows];
        for (var row = 0; row < rows; row++)
            unit[row * rows + row] = 1;
        var y = rig.Value("y", rows, width);
        rig.Run(new MatMul("product", rig.Value("unit", rows, rows, unit), rig.Weight(width, rows, Precision.F32, weight), y, rig.Vector(new float[width]), activation: activation), new Batch());
        return rig.Read(y);
    }

    private static double Silu(double x) => x / (1 + Math.Exp(-x));

    private static double Gelu(double x, Activation form) => form == Activation.GeluTanh
        ? Math.Abs(x) > 100 ? Math.Max(x, 0) : x / (1 + Math.Exp(-2 * Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)))
        : x / 2 * Normal(x);

    /// <summary>1 + erf(x / sqrt 2) by Simpson's rule over the density: slow, and nothing like the engine's way.</summary>
    private static double Normal(double x)
    {
        if (x < -9)
            return 0;
        if (x > 9)
            return 2;
        const int steps = 4000;
        double from = -40, width = (x - from) / steps, sum = 0;
        for (var i = 0; i <= steps; i++)
        {
            var at = from + i * width;
            sum += Math.Exp(-at * at / 2) * (i == 0 || i == steps ? 1 : i % 2 == 0 ? 2 : 4);
        }
        return 2 * sum * width / 3 / Math.Sqrt(2 * Math.PI);
    }
}
