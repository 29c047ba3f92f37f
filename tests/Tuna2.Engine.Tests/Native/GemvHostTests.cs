using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Native;

/// <summary>kernels/gemv.cu in the host runner, against float64 and, in float32, the CPU backend.</summary>
public class GemvHostTests
{
    private static readonly HostRunner _runner = new();

    [Test]
    public void Agrees_with_float64(
        [Values] ElementType element, [Values(1, 2, 3, 4)] int rows, [Values(1, 63)] int n, [Values(8, 40, 264)] int k) =>
        Check(element, element, new(rows, n, k), ProductForm.Plain);

    [TestCase(1, 267, 24)]
    [TestCase(4, 129, 192)]
    [TestCase(3, 9, 4104)]
    [TestCase(4, 17, 2056)]
    public void Agrees_with_float64_in_several_rounds(int rows, int n, int k)
    {
        foreach (var element in Enum.GetValues<ElementType>())
            Check(element, element, new(rows, n, k), ProductForm.SwiGlu);
    }

    [Test]
    public void Agrees_with_float64_whatever_follows([Values] ElementType element, [Values(1, 3, 4)] int rows, [Values] ProductForm form) =>
        Check(element, element, new(rows, 65, 40), form);

    [TestCase(ProductForm.Plain)]
    [TestCase(ProductForm.Gated)]
    public void Agrees_with_float64_in_float32(ProductForm form) => Check(ElementType.BF16, ElementType.F32, new(4, 65, 192), form);

    [Test]
    public void Quantized_weights_agree_with_float64(
        [Values(Precision.Int8, Precision.Int4, Precision.Fp8)] Precision precision, [Values(1, 4)] int rows, [Values(1, 2, 35)] int n, [Values(8, 40, 64, 264, 4104)] int k) =>
        Check(ElementType.BF16, ElementType.F32, new(rows, n, k), ProductForm.Plain, precision);

    [Test]
    public void Quantized_weights_agree_with_float64_whatever_follows(
        [Values(Precision.Int8, Precision.Int4, Precision.Fp8)] Precision precision, [Values(1, 3)] int rows,
        [Values(ProductForm.Bias, ProductForm.InPlace, ProductForm.Gated, ProductForm.GatedInPlace, ProductForm.SwiGlu)] ProductForm form) =>
        Check(ElementType.BF16, ElementType.BF16, new(rows, 65, 72), form, precision);

    [Test]
    public void Quantized_weights_stay_in_their_buffers([Values(Precision.Int8, Precision.Int4, Precision.Fp8)] Precision precision, [Values(ProductForm.Gated, ProductForm.SwiGlu)] ProductForm form)
    {
        using var operands = new ProductOperands(ElementType.BF16, ElementType.BF16, new(3, 9, 264), form, precision);
        var kernel = new Gemv(ElementType.BF16, ElementType.BF16, operands.Activation, precision);
        var args = Args(operands);
        SanitizedRunner.Launch("kernels", kernel.Instance, kernel.Shape(args), HostRunner.Bytes(args), operands.Buffers);
    }

    [Test]
    public void Only_its_rows_and_columns_are_touched([Values] ElementType element, [Values(ProductForm.Plain, ProductForm.SwiGlu)] ProductForm form)
    {
        using var operands = new ProductOperands(element, element, new(3, 9, 24), form);
        using var around = new ProductSurroundings(element, operands);
        var args = Args(operands) with { X = around.X, W = around.W, Y = around.Y };
        _runner.LaunchChecked(new Gemv(element, element, operands.Activation), args, around.Buffers);
        around.Verify();
    }

    [Test]
    public void Stays_in_its_buffers([Values] ElementType element, [Values(ProductForm.Gated, ProductForm.GatedInPlace, ProductForm.SwiGlu, ProductForm.GatedGeluTanh, ProductForm.GatedGeluInPlace)] ProductForm form)
    {
        using var operands = new ProductOperands(element, element, new(3, 9, 264), form);
        var kernel = new Gemv(element, element, operands.Activation);
        var args = Args(operands);
        SanitizedRunner.Launch("kernels", kernel.Instance, kernel.Shape(args), HostRunner.Bytes(args), operands.Buffers);
    }

    /// <summary>A column of the weight is a number and zeros behind it, and the row 1 and zeros: the sum is the number.</summary>
    [Test]
    public void Gelu_ends_where_it_should([Values(Activation.GeluTanh, Activation.Gelu)] Activation activation)
    {
        float[] numbers = [0, -200, 200, float.PositiveInfinity, float.NaN, -5], expected = [0, 0, 200, float.PositiveInfinity, float.NaN];
        using var x = ElementType.F32.Input("x", [1, 0, 0, 0]);
        using var w = ElementType.F32.Input("w", [.. numbers.SelectMany(v => new[] { v, 0, 0, 0 })]);
        using var y = ElementType.F32.Output("y", numbers.Length);
        _runner.LaunchChecked(
            new Gemv(ElementType.F32, ElementType.F32, activation), new GemvArgs { X = x.Address, W = w.Address, Y = y.Address, M = 1, N = numbers.Length, K = 4 }, [x, w, y]);
        var result = ElementType.F32.Read(y);
        Assert.That(result[..^1], Is.EqualTo(expected));
        // Where 1 + erf cancels, digits must be left.
        if (activation == Activation.Gelu)
            Assert.That(result[^1], Is.EqualTo(-1.433257859e-6).Within(1e-11));
    }

    [TestCase(5, 8)]
    [TestCase(1, 12)]
    public void What_does_not_fit_the_kernel_is_an_error(int rows, int k) =>
        Assert.That(() => new Gemv(ElementType.BF16, ElementType.BF16).Shape(new() { M = rows, N = 1, K = k }), Throws.ArgumentException);

    internal static HostResult Launch(ProductOperands operands, ElementType element, ElementType output, Precision? quantized = null)
    {
        _runner.LaunchChecked(new Gemv(element, output, operands.Activation, quantized), Args(operands), operands.Buffers);
        return operands.Result();
    }

    private static void Check(ElementType element, ElementType output, ProductSize size, ProductForm form, Precision? quantized = null)
    {
        using var operands = new ProductOperands(element, output, size, form, quantized);
        var result = Launch(operands, element, output, quantized);
        result.AssertAgrees();
        if (element == ElementType.F32)
            result.AssertAgreesWith(operands.OnCpu());
    }

    private static GemvArgs Args(ProductOperands o) => new()
    {
        X = o.X.Address, W = o.W.Address, Scales = o.Scales?.Address ?? 0, Y = o.Y.Address, Epilogue = o.Epilogue, M = o.Size.Rows, N = o.Size.N, K = o.Size.K,
    };
}
