using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Native;

/// <summary>kernels/attention_hopper.cu in the host runner, against float64.</summary>
public class AttentionHopperHostTests
{
    private static readonly HostRunner _runner = new();

    private static IEnumerable<TestCaseData> OneSequence() => AttentionCases.OneSequence().Where(c => AttentionHopper.Takes(((AttentionShape)c.Arguments[0]!).HeadDim));

    [TestCaseSource(nameof(OneSequence))]
    public void One_sequence_agrees(AttentionShape shape, Sequence[] sequences) => Check(shape, sequences);

    [TestCase(2, 2, 64)]
    [TestCase(7, 1, 64)]
    [TestCase(7, 1, 128)]
    public void Sequences_of_one_launch_see_their_own_keys_alone(int heads, int kvHeads, int dim) => Check(new(heads, kvHeads, dim), AttentionCases.Mixed);

    /// <summary>More blocks of keys than stages, and a last one of every kind: whole, one key, all but one.</summary>
    [Test]
    public void Stages_are_used_again([Values(64, 128)] int dim, [Values(512, 513, 639)] int keys) =>
        Check(new(2, 1, dim), AttentionCases.Sequence(rows: 40, prefix: keys - 40, span: true));

    [Test]
    public void Scores_far_apart_do_not_overflow([Values(64, 128)] int dim) =>
        Check(new(2, 1, dim), AttentionCases.Sequence(rows: 33, prefix: 150, span: false), AttentionContent.Large);

    [Test]
    public void A_key_that_outweighs_those_before_it_takes_their_place([Values(64, 128)] int dim) =>
        Check(new(2, 1, dim), AttentionCases.Sequence(rows: 19, prefix: 150, span: true), AttentionContent.Dominated);

    [Test]
    public void Stays_in_its_buffers([Values(64, 128)] int dim)
    {
        Sequence[] sequences = [new(0, 3, KvBase: 1, PrefixLen: 4, 0, -1, null), new(3, 2, KvBase: 9, PrefixLen: 64, 0, 0, new Grid(1, 1, 1))];
        using var operands = new AttentionOperands(ElementType.BF16, new(14, 2, dim), sequences);
        using var tiles = operands.Tiles(AttentionHopper.TileRows(dim));
        var (kernel, args) = Call(operands, tiles);
        SanitizedRunner.Launch(kernel, args, operands.Qkv, operands.Keys, operands.Values, operands.Y, operands.Table, tiles);
    }

    private static void Check(AttentionShape shape, Sequence[] sequences, AttentionContent content = AttentionContent.Ordinary)
    {
        using var operands = new AttentionOperands(ElementType.BF16, shape, sequences, content);
        using var tiles = operands.Tiles(AttentionHopper.TileRows(shape.HeadDim));
        var (kernel, args) = Call(operands, tiles);
        _runner.LaunchChecked(kernel, args, operands.Qkv, operands.Keys, operands.Values, operands.Y, operands.Table, tiles);
        operands.Result(roundWeights: true).AssertAgrees();
    }

    private static (AttentionHopper, AttentionHopperArgs) Call(AttentionOperands o, HostBuffer tiles)
    {
        var maps = new HostTensorMaps();
        var rows = o.Keys.Bytes / (o.Shape.KvColumns * sizeof(ushort));
        return (new(o.Shape.HeadDim, tiles.As<AttentionTile>().Length, default), new()
        {
            Keys = maps.MapOf(o.Keys.Address, rows, o.Shape.KvColumns, AttentionHopper.BlockKeys),
            Values = maps.MapOf(o.Values.Address, rows, o.Shape.KvColumns, AttentionHopper.BlockKeys),
            Queries = o.Qkv.Address, Y = o.Y.Address, Sequences = o.Table.Address, Tiles = tiles.Address,
            RowColumns = o.Shape.QkvColumns, Heads = o.Shape.Heads, KvHeads = o.Shape.KvHeads, Scale = o.Scale,
        });
    }
}
