using NUnit.Framework;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Native;

/// <summary>kernels/matmul_f32.cu in the host runner, against float64 and the CPU backend.</summary>
public class MatMulF32HostTests
{
    private static readonly HostRunner _runner = new();

    [TestCaseSource(typeof(ProductSize), nameof(ProductSize.Awkward))]
    public void Agrees_with_float64_and_the_CPU(ProductSize size)
    {
        Check(size, ProductForm.Gated);
        Check(size, ProductForm.SwiGlu);
    }

    [Test]
    public void Agrees_with_float64_and_the_CPU_whatever_follows([Values] ProductForm form, [Values(17, 129)] int rows) =>
        Check(new(rows, 67, 76), form);

    [Test]
    public void Only_its_rows_and_columns_are_touched([Values(ProductForm.Plain, ProductForm.SwiGlu)] ProductForm form)
    {
        using var operands = new ProductOperands(ElementType.F32, ElementType.F32, new(17, 70, 20), form);
        using var around = new ProductSurroundings(ElementType.F32, operands);
        var args = Args(operands) with { X = around.X, W = around.W, Y = around.Y };
        _runner.LaunchChecked(new MatMulF32(operands.Activation), args, around.Buffers);
        around.Verify();
    }

    [Test]
    public void Stays_in_its_buffers([Values] ProductForm form)
    {
        using var operands = new ProductOperands(ElementType.F32, ElementType.F32, new(3, 35, 20), form);
        var kernel = new MatMulF32(operands.Activation);
        var args = Args(operands);
        SanitizedRunner.Launch("kernels", kernel.Instance, kernel.Shape(args), HostRunner.Bytes(args), operands.Buffers);
    }

    [Test]
    public void An_inner_dimension_that_is_not_in_whole_vectors_is_an_error() =>
        Assert.That(() => new MatMulF32().Shape(new() { M = 1, N = 1, K = 6 }), Throws.ArgumentException);

    internal static HostResult Launch(ProductOperands operands)
    {
        _runner.LaunchChecked(new MatMulF32(operands.Activation), Args(operands), operands.Buffers);
        return operands.Result();
    }

    private static void Check(ProductSize size, ProductForm form)
    {
        using var operands = new ProductOperands(ElementType.F32, ElementType.F32, size, form);
        var result = Launch(operands);
        result.AssertAgrees();
        result.AssertAgreesWith(operands.OnCpu());
    }

    private static MatMulF32Args Args(ProductOperands o) => new()
    {
        X = o.X.Address, W = o.W.Address, Y = o.Y.Address, Epilogue = o.Epilogue, M = o.Size.Rows, N = o.Size.N, K = o.Size.K,
    };
}
