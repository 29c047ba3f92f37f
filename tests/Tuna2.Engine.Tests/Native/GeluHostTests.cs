using NUnit.Framework;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Tests.Cpu;
using Gelu = Tuna2.Engine.Kernels.Gelu;

namespace Tuna2.Engine.Tests.Native;

/// <summary>kernels/gelu.cu in the host runner, against float64 and the CPU backend.</summary>
public class GeluHostTests
{
    private const int Columns = 24;

    private static readonly HostRunner Runner = new();

    [Test]
    public void Agrees_with_float64_and_the_CPU([Values] ElementType element, [Values] GeluForm form, [Values(1, 19, 989)] int rows, [Values] bool inPlace)
    {
        var output = Launch(element, form, rows, inPlace, out var x);
        output.Check();
        if (element == ElementType.F32)
            KernelOutput.Against("the CPU backend", output.Actual, Cpu(form, rows, x), Columns).Check();
    }

    [Test]
    public void Ends_where_it_should([Values] GeluForm form)
    {
        foreach (var (value, expected) in new[] { (0f, 0f), (-200f, 0f), (200f, 200f), (float.PositiveInfinity, float.PositiveInfinity), (float.NaN, float.NaN) })
        {
            using var x = HostBuffer.Updated<float>("x", [value, value, value, value]);
            Runner.LaunchChecked(new Gelu(ElementType.F32), new GeluArgs { X = x.Address, Y = x.Address, Count = 4, Exact = form == GeluForm.Exact ? 1 : 0 }, x);
            Assert.That(x.As<float>().ToArray(), Is.All.EqualTo(expected), $"{value}");
        }
    }

    /// <summary>Where 1 + erf cancels, digits must be left: at -5 the exact form is -1.43e-6.</summary>
    [Test]
    public void The_exact_form_keeps_its_digits_far_below_zero()
    {
        using var x = HostBuffer.Updated<float>("x", [-5, -5, -5, -5]);
        Runner.LaunchChecked(new Gelu(ElementType.F32), new GeluArgs { X = x.Address, Y = x.Address, Count = 4, Exact = 1 }, x);
        Assert.That(x.As<float>()[0], Is.EqualTo(-1.433257859e-6).Within(1e-11));
    }

    [Test]
    public void Stays_in_its_buffers([Values] ElementType element)
    {
        using var x = element.Input("x", new float[8 * 37]);
        using var y = element.Output("y", 8 * 37);
        SanitizedRunner.Launch(new Gelu(element), new GeluArgs { X = x.Address, Y = y.Address, Count = 8 * 37 }, x, y);
    }

    [TestCase(ElementType.BF16, 4)]
    [TestCase(ElementType.F32, 2)]
    public void Broken_vectors_are_refused(ElementType element, int count) =>
        Assert.That(() => new Gelu(element).Shape(new() { Count = count }), Throws.ArgumentException);

    internal static KernelOutput Sample(ElementType element, GeluForm form) => Launch(element, form, 17, inPlace: false, out _);

    private static KernelOutput Launch(ElementType element, GeluForm form, int rows, bool inPlace, out float[] values)
    {
        var input = values = element.Random(new Random(rows), rows * Columns, scale: 2);
        using var x = inPlace ? element.Updated("x", input) : element.Input("x", input);
        using var y = inPlace ? null : element.Output("y", input.Length);
        var result = y ?? x;
        Runner.LaunchChecked(new Gelu(element), new GeluArgs { X = x.Address, Y = result.Address, Count = input.Length, Exact = form == GeluForm.Exact ? 1 : 0 }, y is null ? [x] : [x, y]);
        return new("y", element.Read(result), Reference(v => element.Round(v)), Reference(v => v), Columns, element.Noise());

        float[] Reference(Func<double, double> round) => Array.ConvertAll(input, v => (float)round(0.5 * v * (form == GeluForm.Exact
            ? ErrorFunction.OnePlusErf(v / Math.Sqrt(2))
            : 1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (v + 0.044715 * v * v * v)))));
    }

    private static float[] Cpu(GeluForm form, int rows, float[] x)
    {
        using var rig = new CpuRig(KernelOutput.Cpu);
        Value input = rig.Value("x", rows, Columns, x), y = rig.Value("y", rows, Columns);
        rig.Run(new Tuna2.Engine.Graph.Ops.Gelu("mlp.act", input, form, y), new Batch());
        return rig.Read(y);
    }
}
