using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Kernels;
using Attention = Tuna2.Engine.Kernels.Attention;
using AttentionF32 = Tuna2.Engine.Kernels.AttentionF32;

namespace Tuna2.Engine.Tests.Native;

/// <summary>kernels/attention.cu and kernels/attention_f32.cu in the host runner, against float64; the latter against the CPU backend too.</summary>
[TestFixture(ElementType.BF16)]
[TestFixture(ElementType.F32)]
public class AttentionHostTests(ElementType element)
{
    private static readonly HostRunner _runner = new();

    [TestCaseSource(typeof(AttentionCases), nameof(AttentionCases.OneSequence))]
    public void One_sequence_agrees(AttentionShape shape, Sequence[] sequences) => Check(shape, sequences);

    [TestCase(2, 2, 64)]
    [TestCase(4, 1, 72)]
    [TestCase(7, 1, 64)]
    [TestCase(7, 1, 128)]
    public void Sequences_of_one_launch_see_their_own_keys_alone(int heads, int kvHeads, int dim) => Check(new(heads, kvHeads, dim), AttentionCases.Mixed);

    [Test]
    public void Scores_far_apart_do_not_overflow([Values(64, 72, 128)] int dim) =>
        Check(new(2, 1, dim), AttentionCases.Sequence(rows: 33, prefix: 150, span: false), AttentionContent.Large);

    [Test]
    public void A_key_that_outweighs_those_before_it_takes_their_place([Values(64, 72, 128)] int dim) =>
        Check(new(2, 1, dim), AttentionCases.Sequence(rows: 19, prefix: 150, span: true), AttentionContent.Dominated);

    [Test]
    public void Stays_in_its_buffers([Values(64, 72, 128)] int dim)
    {
        Sequence[] sequences = [new(0, 3, KvBase: 1, PrefixLen: 4, 0, -1, null), new(3, 2, KvBase: 9, PrefixLen: 64, 0, 0, new Grid(1, 1, 1))];
        using var operands = new AttentionOperands(element, new(14, 2, dim), sequences);
        using var call = new Call(operands);
        SanitizedRunner.Launch("kernels", call.Instance, call.Shape, call.Arguments, call.Buffers);
    }

    internal static HostResult Launch(AttentionOperands operands)
    {
        using var call = new Call(operands);
        _runner.LaunchChecked(call.Instance, call.Shape, call.Arguments, call.Buffers);
        return operands.Result(roundWeights: operands.Element == ElementType.BF16);
    }

    private void Check(AttentionShape shape, Sequence[] sequences, AttentionContent content = AttentionContent.Ordinary)
    {
        using var operands = new AttentionOperands(element, shape, sequences, content);
        var result = Launch(operands);
        result.AssertAgrees();
        if (element == ElementType.F32)
            result.AssertAgreesWith(operands.OnCpu());
    }

    /// <summary>The launch of the kernel for the operands' elements.</summary>
    private sealed class Call : IDisposable
    {
        private readonly HostBuffer _tiles;

        public Call(AttentionOperands o)
        {
            var bf16 = o.Element == ElementType.BF16;
            _tiles = o.Tiles(bf16 ? Attention.TileRows : AttentionF32.TileRows);
            Buffers = [o.Qkv, o.Keys, o.Values, o.Y, o.Table, _tiles];
            var count = _tiles.As<AttentionTile>().Length;
            if (bf16)
                (Instance, Shape, Arguments) = Of(new Attention(o.Shape.HeadDim, count, default), new AttentionArgs
                {
                    Queries = o.Qkv.Address, Keys = o.Keys.Address, Values = o.Values.Address, Y = o.Y.Address, Sequences = o.Table.Address, Tiles = _tiles.Address,
                    RowColumns = o.Shape.QkvColumns, Heads = o.Shape.Heads, KvHeads = o.Shape.KvHeads, Scale = o.Scale,
                });
            else
                (Instance, Shape, Arguments) = Of(new AttentionF32(o.Shape.HeadDim, count, default), new AttentionF32Args
                {
                    Queries = o.Qkv.Address, Keys = o.Keys.Address, Values = o.Values.Address, Y = o.Y.Address, Sequences = o.Table.Address, Tiles = _tiles.Address,
                    RowColumns = o.Shape.QkvColumns, Heads = o.Shape.Heads, KvHeads = o.Shape.KvHeads, Scale = o.Scale,
                });
        }

        public KernelInstance Instance { get; }

        public LaunchShape Shape { get; }

        public byte[] Arguments { get; }

        public HostBuffer[] Buffers { get; }

        public void Dispose() => _tiles.Dispose();

        private static (KernelInstance, LaunchShape, byte[]) Of<TKernel, TArgs>(TKernel kernel, TArgs args) where TKernel : IKernel<TArgs> where TArgs : unmanaged =>
            (kernel.Instance, kernel.Shape(args), HostRunner.Bytes(args).ToArray());
    }
}
