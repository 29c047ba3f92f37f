using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Cpu;

public class CopyRowsTests
{
    private const int Width = 13;

    [Test]
    public void Picked_rows_come_in_the_order_asked_for()
    {
        var x = new SeededNumbers(1).Floats(5 * Width);
        int[] picked = [4, 0, 4];
        double[] expected = [.. picked.SelectMany(row => x.Skip(row * Width).Take(Width)).Select(e => (double)e)];
        Everywhere.Computes(expected, Width, 0, rig =>
        {
            var y = rig.Value("y", 3, Width);
            rig.Run(new PickRows("picked", rig.Value("x", 5, Width, x), y), new Batch { Picked = picked });
            return rig.Read(y);
        });
    }

    [Test]
    public void Times_go_to_their_rows_and_other_rows_are_left_alone()
    {
        var numbers = new SeededNumbers(2);
        float[] times = numbers.Floats(3 * Width), before = numbers.Floats(5 * Width);
        double[] expected = [.. before.Select(e => (double)e)];
        for (var i = 0; i < Width; i++)
            (expected[Width + i], expected[4 * Width + i]) = (times[2 * Width + i], times[i]);
        Everywhere.Computes(expected, Width, 0, rig =>
        {
            var y = rig.Value("y", 5, Width, before);
            rig.Run(new PlaceTime("time_embed", rig.Value("times", 3, Width, times), y), new Batch { Times = [new(2, 1), new(0, 4)] });
            return rig.Read(y);
        });
    }

    [Test]
    public void Patches_go_behind_each_other_from_the_rows_their_picture_has()
    {
        var numbers = new SeededNumbers(3);
        float[] patches = numbers.Floats(4 * Width), before = numbers.Floats(7 * Width);
        double[] expected = [.. before.Select(e => (double)e)];
        for (var i = 0; i < 2 * Width; i++)
            (expected[4 * Width + i], expected[Width + i]) = (patches[i], patches[2 * Width + i]);
        Everywhere.Computes(expected, Width, 0, rig =>
        {
            var y = rig.Value("y", 7, Width, before);
            // The picture's number says where its pixels were; its patches stand in the order of the placements.
            rig.Run(new PlacePatches("siglip_proj", rig.Value("patches", 4, Width, patches), 2, y), new Batch { Patches = [new(1, 4), new(0, 1)] });
            return rig.Read(y);
        });
    }

    [Test]
    public void Prefixes_are_recalled_to_where_their_sequences_keys_begin()
    {
        const int PerSequence = 3;
        var numbers = new SeededNumbers(4);
        float[] kept = numbers.Floats(2 * PerSequence * Width), before = numbers.Floats(12 * Width);
        double[] expected = [.. before.Select(e => (double)e)];
        for (var i = 0; i < 3 * Width; i++)
            expected[i] = kept[i];
        for (var i = 0; i < 2 * Width; i++)
            expected[9 * Width + i] = expected[6 * Width + i] = kept[PerSequence * Width + i];
        // The second and the third share a prefix of two rows; what the caches have behind them is of another request.
        Everywhere.Computes(expected, Width, 0, rig =>
        {
            var y = rig.Value("y", 12, Width, before);
            rig.Run(new RecallPrefix("keys", rig.Value("kept", 2 * PerSequence, Width, kept), PerSequence, y), new Batch { Sequences = [new(0, 3, 0, 3, 3, 0, new Grid(1, 1, 2)), new(3, 3, 6, 2, 2, 0, new Grid(1, 1, 2)), new(6, 3, 9, 2, 2, 0, new Grid(1, 1, 2))], Prefixes = [0, 1, 1] });
            return rig.Read(y);
        });
    }

    [TestCase(0, 4, 0)]
    [TestCase(10, 3, 0)]
    [TestCase(0, 3, 1)]
    [TestCase(0, 3, -1)]
    public void A_prefix_that_is_not_kept_or_has_no_place_is_an_error(int kvBase, int prefix, int which)
    {
        using var rig = new CpuRig(Everywhere.Backends.First());
        var op = new RecallPrefix("keys", rig.Value("kept", 3, Width), 3, rig.Value("y", 12, Width));
        Assert.That(() => rig.Run(op, new Batch { Sequences = [new(0, 1, kvBase, prefix, prefix, -1, null)], Prefixes = [which] }), Throws.InvalidOperationException);
    }

    [TestCase(-1)]
    [TestCase(5)]
    public void A_row_that_is_not_there_is_an_error(int row)
    {
        using var rig = new CpuRig(Everywhere.Backends.First());
        Value x = rig.Value("x", 5, Width), y = rig.Value("y", 5, Width);
        Assert.Multiple(() =>
        {
            Assert.That(() => rig.Run(new PickRows("picked", x, y), new Batch { Picked = [row] }), Throws.InvalidOperationException);
            Assert.That(() => rig.Run(new PlaceTime("time_embed", x, y), new Batch { Times = [new(row, 0)] }), Throws.InvalidOperationException);
            Assert.That(() => rig.Run(new PlaceTime("time_embed", x, y), new Batch { Times = [new(0, row)] }), Throws.InvalidOperationException);
            Assert.That(() => rig.Run(new PlacePatches("siglip_proj", x, 2, y), new Batch { Patches = [new(0, row)] }), Throws.InvalidOperationException);
        });
    }
}
