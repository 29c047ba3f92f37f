using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Tests.Cpu;
using Ops = Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Native;

/// <summary>kernels/swiglu.cu in the host runner, against float64.</summary>
public class SwiGluHostTests
{
    private static readonly HostRunner Runner = new();

    [TestCase(1, 18944)]
    [TestCase(17, 2056)]
    [TestCase(19, 1024)]
    [TestCase(989, 24)]
    public void Agrees_with_float64_and_the_CPU(int rows, int width)
    {
        foreach (var element in Enum.GetValues<ElementType>())
        {
            var output = Launch(element, rows, width, out var x);
            output.Check();
            if (element == ElementType.F32)
                KernelOutput.Against("the CPU backend", output.Actual, Cpu(rows, width, x), width).Check();
        }
    }

    [Test]
    public void Stays_in_its_buffers([Values] ElementType element)
    {
        using var x = element.Input("x", new float[3 * 2 * 40]);
        using var y = element.Output("y", 3 * 40);
        SanitizedRunner.Launch(new SwiGlu(element, 3), new SwiGluArgs { X = x.Address, Y = y.Address, Width = 40 }, x, y);
    }

    [Test]
    public void Takes_as_many_rows_as_there_are([Values] ElementType element) =>
        Assert.That(new SwiGlu(element, 100_000).Shape(new() { Width = 18944 }), Has.Property(nameof(LaunchShape.GridY)).LessThan(65536));

    [TestCase(ElementType.BF16, 12)]
    [TestCase(ElementType.F32, 6)]
    public void Broken_vectors_are_refused(ElementType element, int width) =>
        Assert.That(() => new SwiGlu(element, 1).Shape(new() { Width = width }), Throws.ArgumentException);

    internal static KernelOutput Sample(ElementType element) => Launch(element, 17, 64, out _);

    private static KernelOutput Launch(ElementType element, int rows, int width, out float[] values)
    {
        var input = values = element.Random(new Random(rows), rows * 2 * width, scale: 2);
        using var x = element.Input("x", input);
        using var y = element.Output("y", rows * width);
        Runner.LaunchChecked(new SwiGlu(element, rows), new SwiGluArgs { X = x.Address, Y = y.Address, Width = width }, x, y);
        return new("y", element.Read(y), Reference(v => element.Round(v)), Reference(v => v), width, element.Noise());

        float[] Reference(Func<double, double> round)
        {
            var expected = new float[rows * width];
            for (var r = 0; r < rows; r++)
                for (var c = 0; c < width; c++)
                {
                    double gate = input[r * 2 * width + c], up = input[r * 2 * width + width + c];
                    expected[r * width + c] = (float)round(gate / (1 + Math.Exp(-gate)) * up);
                }
            return expected;
        }
    }

    private static float[] Cpu(int rows, int width, float[] x)
    {
        using var rig = new CpuRig(KernelOutput.Cpu);
        Value input = rig.Value("x", rows, 2 * width, x), y = rig.Value("y", rows, width);
        rig.Run(new Ops.SwiGlu("mlp.act", input, y), new Batch());
        return rig.Read(y);
    }
}
