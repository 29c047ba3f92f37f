using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Kernels;
using Attention = Tuna2.Engine.Kernels.Attention;

namespace Tuna2.Engine.Tests.Native;

/// <summary>kernels/attention.cu in the host runner, against float64.</summary>
public class AttentionHostTests
{
    private static readonly HostRunner _runner = new();

    [TestCaseSource(typeof(AttentionCases), nameof(AttentionCases.OneSequence))]
    public void One_sequence_agrees_with_float64(AttentionShape shape, Sequence[] sequences) => Check(shape, sequences);

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
        using var operands = new AttentionOperands(ElementType.BF16, new(14, 2, dim), sequences);
        using var tiles = operands.Tiles(Attention.TileRows);
        var (kernel, args) = Call(operands, tiles);
        SanitizedRunner.Launch("kernels", kernel.Instance, kernel.Shape(args), HostRunner.Bytes(args), Buffers(operands, tiles));
    }

    internal static HostResult Launch(AttentionOperands operands)
    {
        using var tiles = operands.Tiles(Attention.TileRows);
        var (kernel, args) = Call(operands, tiles);
        _runner.LaunchChecked(kernel, args, Buffers(operands, tiles));
        return operands.Result(roundWeights: true);
    }

    private static void Check(AttentionShape shape, Sequence[] sequences, AttentionContent content = AttentionContent.Ordinary)
    {
        using var operands = new AttentionOperands(ElementType.BF16, shape, sequences, content);
        Launch(operands).AssertAgrees();
    }

    private static HostBuffer[] Buffers(AttentionOperands o, HostBuffer tiles) => [o.Qkv, o.Keys, o.Values, o.Y, o.Table, tiles];

    private static (Attention Kernel, AttentionArgs Args) Call(AttentionOperands o, HostBuffer tiles) =>
        (new Attention(o.Shape.HeadDim, tiles.As<AttentionTile>().Length, default), new AttentionArgs
        {
            Queries = o.Qkv.Address, Keys = o.Keys.Address, Values = o.Values.Address, Y = o.Y.Address, Sequences = o.Table.Address, Tiles = tiles.Address,
            RowColumns = o.Shape.QkvColumns, Heads = o.Shape.Heads, KvHeads = o.Shape.KvHeads, Scale = o.Scale,
        });
}
