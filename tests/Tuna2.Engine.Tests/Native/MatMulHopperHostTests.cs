using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Native;

/// <summary>kernels/matmul_hopper.cu in the host runner, against float64.</summary>
public class MatMulHopperHostTests
{
    /// <summary>Fewer than there are tiles, so that a block takes several.</summary>
    private const int Multiprocessors = 3;

    private static readonly HostRunner _runner = new();

    /// <summary>Around the edges of tiles: of rows with a ninth part and without, of columns, of k.</summary>
    private static readonly ProductSize[] _sizes =
    [
        new(1, 8, 8), new(17, 136, 72), new(255, 64, 64), new(256, 72, 136), new(257, 128, 64), new(264, 56, 40), new(265, 264, 24), new(513, 16, 200), new(520, 520, 72),
    ];

    [TestCaseSource(nameof(_sizes))]
    public void Agrees_with_float64(ProductSize size)
    {
        Check(size, ProductForm.GatedInPlace);
        Check(size, ProductForm.SwiGlu);
    }

    [Test]
    public void Agrees_with_float64_whatever_follows(
        [Values(ProductForm.Plain, ProductForm.Bias, ProductForm.Residual, ProductForm.InPlace, ProductForm.Gated, ProductForm.GatedInPlace, ProductForm.SwiGlu)] ProductForm form) =>
        Check(new(262, 80, 72), form);

    [Test]
    public void More_steps_than_stages_are_waited_for([Values(64, 256, 320, 520)] int k) => Check(new(9, 24, k), ProductForm.Plain);

    [Test]
    public void Stays_in_its_buffers([Values(ProductForm.Gated, ProductForm.SwiGlu)] ProductForm form)
    {
        using var operands = new ProductOperands(ElementType.BF16, ElementType.BF16, new(258, 72, 24), form);
        var (kernel, args) = Call(operands, form);
        SanitizedRunner.Launch(kernel, args, operands.Buffers);
    }

    [TestCase(12, 64)]
    [TestCase(64, 12)]
    public void Sizes_that_are_not_in_whole_vectors_are_an_error(int n, int k) =>
        Assert.That(() => new MatMulHopper(Activation.None, Multiprocessors).Shape(new() { M = 1, N = n, K = k }), Throws.ArgumentException);

    [TestCase(2050, 3584, 132, ExpectedResult = 132)]
    [TestCase(256, 128, 132, ExpectedResult = 1)]
    [TestCase(264, 128, 132, ExpectedResult = 1)]
    [TestCase(265, 128, 132, ExpectedResult = 2)]
    [TestCase(8, 128, 132, ExpectedResult = 1)]
    public int There_are_no_more_blocks_than_tiles(int m, int n, int multiprocessors) => new MatMulHopper(Activation.None, multiprocessors).Shape(new() { M = m, N = n, K = 64 }).GridX;

    private static void Check(ProductSize size, ProductForm form)
    {
        using var operands = new ProductOperands(ElementType.BF16, ElementType.BF16, size, form);
        var (kernel, args) = Call(operands, form);
        _runner.LaunchChecked(kernel, args, operands.Buffers);
        operands.Result().AssertAgrees();
    }

    private static (MatMulHopper, MatMulHopperArgs) Call(ProductOperands o, ProductForm form)
    {
        var maps = new HostTensorMaps();
        var (m, n, k) = o.Size;
        return (new(o.Activation, Multiprocessors), new()
        {
            X = maps.MapOf(o.X.Address, m, k, MatMulHopper.Tokens), XTail = maps.MapOf(o.X.Address, m, k, MatMulHopper.Tail),
            W = form == ProductForm.SwiGlu ? maps.MapOfPairs(o.W.Address, n, k) : maps.MapOf(o.W.Address, n, k, MatMulHopper.Weights),
            Y = o.Y.Address, Epilogue = o.Epilogue, M = m, N = n, K = k,
        });
    }
}
