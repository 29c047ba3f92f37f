using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Kernels;

/// <summary>What launches are said to cost: where every GB/s and percentage comes from.</summary>
public class CostTests
{
    [Test]
    public void A_product_reads_its_operands_and_writes_its_output_once() => Assert.That(
        new MatMul(ToF32: true).Cost(new() { M = 3, N = 5, K = 8 }),
        Is.EqualTo(new Cost(Bytes: (3 * 8 + 5 * 8) * 2 + 3 * 5 * 4, Flops: 2 * 3 * 5 * 8)));

    [Test]
    public void A_swiglu_has_two_products() => Assert.That(
        new Gemv(ElementType.BF16, ElementType.BF16, Activation.SwiGlu).Cost(new() { M = 1, N = 5, K = 8 }),
        Is.EqualTo(new Cost(Bytes: (8 + 10 * 8) * 2 + 5 * 2, Flops: 2 * 10 * 8)));

    [Test]
    public void The_language_head_of_many_rows_does_not_overflow() => Assert.That(
        new MatMul(ToF32: true).Cost(new() { M = 16384, N = 151669, K = 3584 }).Flops, Is.EqualTo(2L * 16384 * 151669 * 3584));

    [Test]
    public void Attention_reads_queries_keys_and_values_once()
    {
        // Ten rows over thirty keys, each seeing all of them; four heads share two key heads.
        var kernel = new Attention(64, Tiles: 1, new AttentionWork(Rows: 10, Keys: 30, VisibleKeys: 300));
        Assert.That(kernel.Cost(new() { Heads = 4, KvHeads = 2 }), Is.EqualTo(new Cost(Bytes: 2 * 64 * 2 * (10 * 4 + 30 * 2), Flops: 4 * 64 * 300 * 4)));
    }
}
