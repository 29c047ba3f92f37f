using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Native;

/// <summary>kernels/attention_decode.cu in the host runner, against float64 and, in float32, the CPU backend.</summary>
public class AttentionDecodeHostTests
{
    private static readonly HostRunner _runner = new();

    [Test]
    public void One_sequence_agrees_with_float64(
        [Values] ElementType element, [Values(64, 128)] int dim, [Values(1, 4, 16)] int splits, [Values(1, 3, 127)] int visible) =>
        Check(element, new(2, 2, dim), AttentionCases.Sequence(rows: 1, visible - 1, span: false), splits);

    [Test]
    public void Grouped_heads_agree_with_float64([Values] ElementType element, [Values(64, 128)] int dim, [Values(1, 4, 6, 7)] int group) =>
        Check(element, new(2 * group, 2, dim), AttentionCases.Sequence(rows: 1, prefix: 62, span: true), splits: 4);

    [Test]
    public void Many_keys_agree_with_float64([Values] ElementType element, [Values(1, 16)] int splits) =>
        Check(element, new(7, 1, 128), AttentionCases.Sequence(rows: 1, prefix: 999, span: false), splits);

    [Test]
    public void Sequences_of_one_launch_see_their_own_keys_alone([Values] ElementType element) => Check(element, new(8, 2, 64), Several, splits: 4);

    [Test]
    public void Scores_far_apart_do_not_overflow([Values] ElementType element) =>
        Check(element, new(4, 1, 64), AttentionCases.Sequence(rows: 1, prefix: 150, span: false), splits: 4, AttentionContent.Large);

    [Test]
    public void A_key_that_outweighs_those_before_it_takes_their_place([Values] ElementType element) =>
        Check(element, new(4, 1, 64), AttentionCases.Sequence(rows: 1, prefix: 150, span: false), splits: 4, AttentionContent.Dominated);

    [Test]
    public void Scratch_serves_the_next_launch()
    {
        using var operands = new AttentionOperands(ElementType.F32, new(8, 2, 64), Several);
        using var scratch = new Scratch(operands, splits: 4);
        for (var i = 0; i < 2; i++)
            Launch(operands, scratch).AssertAgrees();
    }

    [Test]
    public void Stays_in_its_buffers([Values] ElementType element, [Values(64, 128)] int dim)
    {
        using var operands = new AttentionOperands(element, new(10, 2, dim), Several);
        using var scratch = new Scratch(operands, splits: 3);
        var (kernel, args) = Call(operands, scratch);
        SanitizedRunner.Launch("kernels", kernel.Instance, kernel.Shape(args), HostRunner.Bytes(args), Buffers(operands, scratch));
    }

    [Test]
    public void More_grouped_heads_than_the_kernel_holds_are_an_error() => Assert.That(
        () => new AttentionDecode(ElementType.BF16, 64, 1, 1, default).Shape(new() { Heads = 8, KvHeads = 1 }), Throws.ArgumentException);

    internal static HostResult Launch(AttentionOperands operands, int splits)
    {
        using var scratch = new Scratch(operands, splits);
        return Launch(operands, scratch);
    }

    private static Sequence[] Several =>
    [
        new(0, 1, KvBase: 3, PrefixLen: 0, 0, -1, null),
        new(1, 1, KvBase: 10, PrefixLen: 70, 70, -1, null),
        new(2, 1, KvBase: 90, PrefixLen: 5, 5, -1, null),
    ];

    private static HostResult Launch(AttentionOperands operands, Scratch scratch)
    {
        var (kernel, args) = Call(operands, scratch);
        _runner.LaunchChecked(kernel, args, Buffers(operands, scratch));
        Assert.That(scratch.Finished.As<int>().ToArray(), Is.All.Zero);
        return operands.Result(roundWeights: false);
    }

    private static void Check(ElementType element, AttentionShape shape, Sequence[] sequences, int splits, AttentionContent content = AttentionContent.Ordinary)
    {
        using var operands = new AttentionOperands(element, shape, sequences, content);
        var result = Launch(operands, splits);
        result.AssertAgrees();
        if (element == ElementType.F32)
            result.AssertAgreesWith(operands.OnCpu());
    }

    private static HostBuffer[] Buffers(AttentionOperands o, Scratch scratch) => [o.Qkv, o.Keys, o.Values, o.Y, o.Table, scratch.Parts, scratch.Finished];

    private static (AttentionDecode Kernel, AttentionDecodeArgs Args) Call(AttentionOperands o, Scratch scratch) => (scratch.Kernel, new AttentionDecodeArgs
    {
        Queries = o.Qkv.Address, Keys = o.Keys.Address, Values = o.Values.Address, Y = o.Y.Address, Sequences = o.Table.Address,
        Parts = scratch.Parts.Address, Finished = scratch.Finished.Address,
        RowColumns = o.Shape.QkvColumns, Heads = o.Shape.Heads, KvHeads = o.Shape.KvHeads, Scale = o.Scale,
    });

    /// <summary>What the blocks of a key head share: parts that begin as NaN, counters at zero.</summary>
    private sealed class Scratch : IDisposable
    {
        public Scratch(AttentionOperands o, int splits)
        {
            Kernel = new(o.Element, o.Shape.HeadDim, o.Sequences.Length, splits, default);
            var parts = new float[Kernel.PartFloats(o.Shape.Heads)];
            Array.Fill(parts, float.NaN);
            Parts = HostBuffer.Updated<float>("parts", parts);
            Finished = HostBuffer.Updated<int>("finished", new int[o.Sequences.Length * o.Shape.KvHeads]);
        }

        public AttentionDecode Kernel { get; }

        public HostBuffer Parts { get; }

        public HostBuffer Finished { get; }

        public void Dispose()
        {
            Parts.Dispose();
            Finished.Dispose();
        }
    }
}
