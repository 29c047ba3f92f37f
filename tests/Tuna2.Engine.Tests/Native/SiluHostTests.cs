using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Tests.Cpu;
using Ops = Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Native;

/// <summary>kernels/silu.cu in the host runner, against float64.</summary>
public class SiluHostTests
{
    private const int Columns = 24;

    private static readonly HostRunner Runner = new();

    [Test]
    public void Agrees_with_float64_and_the_CPU([Values] ElementType element, [Values(1, 17, 19, 989)] int rows, [Values] bool inPlace)
    {
        var output = Launch(element, rows, inPlace, out var x);
        output.Check();
        if (element == ElementType.F32)
            KernelOutput.Against("the CPU backend", output.Actual, Cpu(rows, x), Columns).Check();
    }

    [TestCase(0f, 0f)]
    [TestCase(-200f, 0f)]
    [TestCase(200f, 200f)]
    [TestCase(float.PositiveInfinity, float.PositiveInfinity)]
    [TestCase(float.NaN, float.NaN)]
    public void Ends_where_it_should(float value, float expected)
    {
        using var x = HostBuffer.Updated<float>("x", [value, value, value, value]);
        Runner.LaunchChecked(new Silu(ElementType.F32), new SiluArgs { X = x.Address, Y = x.Address, Count = 4 }, x);
        Assert.That(x.As<float>().ToArray(), Is.All.EqualTo(expected));
    }

    [Test]
    public void Stays_in_its_buffers([Values] ElementType element)
    {
        using var x = element.Input("x", new float[8 * 37]);
        using var y = element.Output("y", 8 * 37);
        SanitizedRunner.Launch(new Silu(element), new SiluArgs { X = x.Address, Y = y.Address, Count = 8 * 37 }, x, y);
    }

    [TestCase(ElementType.BF16, 4)]
    [TestCase(ElementType.F32, 2)]
    public void Broken_vectors_are_refused(ElementType element, int count) =>
        Assert.That(() => new Silu(element).Shape(new() { Count = count }), Throws.ArgumentException);

    internal static KernelOutput Sample(ElementType element) => Launch(element, 17, inPlace: false, out _);

    private static KernelOutput Launch(ElementType element, int rows, bool inPlace, out float[] values)
    {
        var input = values = element.Random(new Random(rows), rows * Columns, scale: 4);
        using var x = inPlace ? element.Updated("x", input) : element.Input("x", input);
        using var y = inPlace ? null : element.Output("y", input.Length);
        var result = y ?? x;
        Runner.LaunchChecked(new Silu(element), new SiluArgs { X = x.Address, Y = result.Address, Count = input.Length }, y is null ? [x] : [x, y]);
        return new("y", element.Read(result), Reference(v => element.Round(v)), Reference(v => v), Columns, element.Noise());

        float[] Reference(Func<double, double> round) => Array.ConvertAll(input, v => (float)round(v / (1 + Math.Exp(-v))));
    }

    private static float[] Cpu(int rows, float[] x)
    {
        using var rig = new CpuRig(KernelOutput.Cpu);
        Value input = rig.Value("x", rows, Columns, x), y = rig.Value("y", rows, Columns);
        rig.Run(new Ops.Silu("time_embed.act", input, y), new Batch());
        return rig.Read(y);
    }
}
