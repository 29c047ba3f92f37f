using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Native;

/// <summary>kernels/matmul.cu in the host runner, against float64.</summary>
public class MatMulHostTests
{
    private static readonly HostRunner _runner = new();

    [TestCaseSource(typeof(ProductSize), nameof(ProductSize.Awkward))]
    public void Agrees_with_float64(ProductSize size)
    {
        Check(size, ProductForm.Plain, ElementType.BF16);
        Check(size, ProductForm.Gated, ElementType.F32);
        Check(size, ProductForm.SwiGlu, ElementType.BF16);
    }

    [Test]
    public void Agrees_with_float64_whatever_follows([Values] ProductForm form, [Values(17, 129)] int rows) =>
        Check(new(rows, 67, 72), form, ElementType.BF16);

    [TestCase(ProductForm.Bias)]
    [TestCase(ProductForm.Residual)]
    public void Agrees_with_float64_in_float32(ProductForm form) => Check(new(19, 67, 72), form, ElementType.F32);

    [Test]
    public void A_swiglu_of_several_blocks_of_columns_agrees_with_float64([Values(64, 65, 96, 130)] int n) =>
        Check(new(19, n, 40), ProductForm.SwiGlu, ElementType.BF16);

    [Test]
    public void More_steps_than_stages_are_waited_for([Values(8, 32, 64, 96, 104, 128, 160, 520)] int k) =>
        Check(new(3, 9, k), ProductForm.Plain, ElementType.F32);

    [TestCaseSource(typeof(ProductSize), nameof(ProductSize.Awkward))]
    public void Quantized_weights_agree_with_float64(ProductSize size)
    {
        foreach (var precision in new[] { Precision.Int8, Precision.Int4, Precision.Fp8 })
        {
            Check(size, ProductForm.Gated, ElementType.F32, precision);
            Check(size, ProductForm.SwiGlu, ElementType.BF16, precision);
        }
    }

    [Test]
    public void Quantized_weights_agree_with_float64_whatever_follows(
        [Values(Precision.Int8, Precision.Int4, Precision.Fp8)] Precision precision, [Values(ProductForm.Plain, ProductForm.Bias, ProductForm.InPlace, ProductForm.GatedInPlace)] ProductForm form) =>
        Check(new(129, 67, 72), form, ElementType.BF16, precision);

    /// <summary>A step is widened while the one before it is multiplied: its stage, and the tile two steps on, must have been waited for.</summary>
    [Test]
    public void More_steps_than_stages_of_quantized_weights_are_waited_for(
        [Values(Precision.Int8, Precision.Int4, Precision.Fp8)] Precision precision, [Values(8, 32, 40, 64, 96, 128, 160, 520)] int k) =>
        Check(new(3, 9, k), ProductForm.Plain, ElementType.F32, precision);

    [Test]
    public void Quantized_weights_stay_in_their_buffers([Values(Precision.Int8, Precision.Int4, Precision.Fp8)] Precision precision, [Values(ProductForm.Gated, ProductForm.SwiGlu)] ProductForm form)
    {
        using var operands = new ProductOperands(ElementType.BF16, ElementType.BF16, new(3, 67, 24), form, precision, tensorCore: true);
        var kernel = new MatMul(ToF32: false, operands.Activation, precision);
        var args = Args(operands);
        SanitizedRunner.Launch("kernels", kernel.Instance, kernel.Shape(args), HostRunner.Bytes(args), operands.Buffers);
    }

    /// <summary>Operands lie between rows of NaN, the output between rows of somebody else's.</summary>
    [Test]
    public void Only_its_rows_and_columns_are_touched([Values(ProductForm.Plain, ProductForm.SwiGlu)] ProductForm form)
    {
        using var operands = new ProductOperands(ElementType.BF16, ElementType.BF16, new(17, 70, 40), form);
        using var around = new ProductSurroundings(ElementType.BF16, operands);
        var args = Args(operands) with { X = around.X, W = around.W, Y = around.Y };
        _runner.LaunchChecked(new MatMul(ToF32: false, operands.Activation), args, around.Buffers);
        around.Verify();
    }

    [Test]
    public void Stays_in_its_buffers([Values] ProductForm form)
    {
        using var operands = new ProductOperands(ElementType.BF16, ElementType.BF16, new(3, 67, 24), form);
        var kernel = new MatMul(ToF32: false, operands.Activation);
        var args = Args(operands);
        SanitizedRunner.Launch("kernels", kernel.Instance, kernel.Shape(args), HostRunner.Bytes(args), operands.Buffers);
    }

    [Test]
    public void An_inner_dimension_that_is_not_in_whole_vectors_is_an_error() =>
        Assert.That(() => new MatMul(ToF32: false).Shape(new() { M = 1, N = 1, K = 12 }), Throws.ArgumentException);

    internal static HostResult Launch(ProductOperands operands, ElementType output, Precision? quantized = null)
    {
        _runner.LaunchChecked(new MatMul(output == ElementType.F32, operands.Activation, quantized), Args(operands), operands.Buffers);
        return operands.Result();
    }

    private static void Check(ProductSize size, ProductForm form, ElementType output, Precision? quantized = null)
    {
        using var operands = new ProductOperands(ElementType.BF16, output, size, form, quantized, tensorCore: true);
        Launch(operands, output, quantized).AssertAgrees();
    }

    private static MatMulArgs Args(ProductOperands o) => new()
    {
        X = o.X.Address, W = o.W.Address, Scales = o.Scales?.Address ?? 0, Y = o.Y.Address, Epilogue = o.Epilogue, M = o.Size.Rows, N = o.Size.N, K = o.Size.K,
    };
}
