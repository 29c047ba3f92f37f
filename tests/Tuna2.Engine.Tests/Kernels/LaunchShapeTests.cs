using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Kernels;

/// <summary>Launches of the products and attention: what the records say beside what the sources use.</summary>
public class LaunchShapeTests
{
    private static readonly MatMulArgs _product = new() { M = 129, N = 65, K = 8 };
    private static readonly AttentionArgs _attention = new() { Heads = 14, KvHeads = 2 };

    private static IEnumerable<TestCaseData> Launches()
    {
        foreach (var (toF32, activation) in new[] { (false, Activation.None), (true, Activation.None), (false, Activation.SwiGlu) })
            yield return Case(new MatMul(toF32, activation).Instance, new MatMul(toF32, activation).Shape(_product), "MatMulShared");
        foreach (var activation in new[] { Activation.GeluTanh, Activation.Gelu })
        {
            yield return Case(new MatMul(false, activation).Instance, new MatMul(false, activation).Shape(_product), "MatMulShared");
            yield return Case(new MatMulF32(activation).Instance, new MatMulF32(activation).Shape(new() { M = 1, N = 1, K = 4 }), "MatMulF32Shared");
        }
        foreach (var activation in new[] { Activation.None, Activation.SwiGlu })
            yield return Case(new MatMulF32(activation).Instance, new MatMulF32(activation).Shape(new() { M = 1, N = 1, K = 4 }), "MatMulF32Shared");
        foreach (var dim in new[] { 64, 72, 128 })
        {
            var (bf16, f32) = (new Attention(dim, Tiles: 1, default), new AttentionF32(dim, Tiles: 1, default));
            yield return Case(bf16.Instance, bf16.Shape(_attention), "AttentionShared");
            yield return Case(f32.Instance, f32.Shape(new() { Heads = 14, KvHeads = 2 }), "AttentionF32Shared");
        }
        foreach (var element in Enum.GetValues<ElementType>())
            foreach (var dim in new[] { 64, 128 })
            {
                var decode = new AttentionDecode(element, dim, Sequences: 1, Splits: 1, default);
                yield return Case(decode.Instance, decode.Shape(new() { Heads = 14, KvHeads = 2 }), "AttentionDecodeShared");
            }

        yield return Case(new AttentionWide(1).Instance, new AttentionWide(1).Shape(new() { Rows = 1, Dim = 4 }), "AttentionWideShared");
        yield return Case(new Conv3d().Instance, new Conv3d().Shape(new() { Pixels = 1, Channels = 4, N = 4 }), "Conv3dShared");
        foreach (var element in Enum.GetValues<ElementType>())
            yield return Case(new LayerNorm(element, 1).Instance, new LayerNorm(element, 1).Shape(new() { Dim = 8 }), "LayerNormShared");

        static TestCaseData Case(KernelInstance instance, LaunchShape shape, string type) =>
            new TestCaseData(instance, shape, type).SetArgDisplayNames(instance.Name);
    }

    [TestCaseSource(nameof(Launches))]
    public void A_launch_has_the_threads_and_the_shared_memory_its_source_uses(KernelInstance instance, LaunchShape shape, string type) =>
        Assert.That(NvrtcUnderTest.Check(instance, $"static_assert(sizeof({type}) == {shape.SharedBytes} && THREADS == {shape.Block}, \"\");"), Is.Null);

    [Test]
    public void Threads_that_32_bits_do_not_count_are_refused()
    {
        Assert.That(LaunchShape.Of(257, 256), Is.EqualTo(new LaunchShape(2, 1, 1, 256)));
        Assert.That(LaunchShape.Of(uint.MaxValue - 256L, 256).GridX, Is.EqualTo((1 << 24) - 1));
        Assert.That(() => LaunchShape.Of(1L << 32, 256), Throws.ArgumentException);
    }

    [Test]
    public void Tiles_cover_the_output()
    {
        Assert.That(new MatMul(ToF32: false).Shape(_product), Has.Property("GridX").EqualTo(2).And.Property("GridY").EqualTo(1));
        Assert.That(new MatMul(ToF32: false, Activation.SwiGlu).Shape(_product), Has.Property("GridX").EqualTo(2).And.Property("GridY").EqualTo(2));
        Assert.That(new Attention(64, Tiles: 3, default).Shape(_attention), Has.Property("GridX").EqualTo(3).And.Property("GridY").EqualTo(2));
    }

    [Test]
    public void Tiles_of_attention_never_straddle_two_sequences() => Assert.That(
        AttentionTile.Cover([1, 10, 19], group: 7, rowsPerTile: 64),
        Is.EqualTo(new AttentionTile[] { new(0, 0), new(1, 0), new(1, 64), new(2, 0), new(2, 64), new(2, 128) }));
}
