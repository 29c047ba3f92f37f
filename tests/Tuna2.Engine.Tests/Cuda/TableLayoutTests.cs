using System.Runtime.InteropServices;
using NUnit.Framework;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using StepNumbers = Tuna2.Engine.Kernels.StepNumbers;

namespace Tuna2.Engine.Tests.Cuda;

/// <summary>What a kernel would read past the end of is found before it is launched.</summary>
public class TableLayoutTests
{
    private const int Rows = 8, Keys = 20, Times = 3, Vocabulary = 100, Tile = 16;

    private static readonly TableLayout _layout = Layout();

    [Test]
    public void Tables_lie_side_by_side_in_whole_words()
    {
        var bytes = new byte[_layout.VaryingBytes];
        _layout.WriteVarying(Good(), bytes);
        Assert.That(_layout.VaryingBytes % 16, Is.Zero);
        Assert.That(MemoryMarshal.Cast<byte, int>(bytes.AsSpan(_layout.Tokens))[..5].ToArray(), Is.EqualTo(new[] { 5, 99, -1, -1, -1 }));
        Assert.That(MemoryMarshal.Cast<byte, int>(bytes.AsSpan(_layout.Times))[..2].ToArray(), Is.EqualTo(new[] { 2, 2 }));
        var sequences = MemoryMarshal.Cast<byte, DeviceSequence>(bytes.AsSpan(_layout.Sequences));
        Assert.That(sequences[1], Is.EqualTo(new DeviceSequence(2, 3, 4, 6, 6, 1, 1, 2, 1)));

        var shaped = new byte[_layout.ShapedBytes];
        _layout.WriteShaped(Good(), shaped);
        Assert.That(MemoryMarshal.Cast<byte, int>(shaped.AsSpan(_layout.RowSequence))[..5].ToArray(), Is.EqualTo(new[] { 0, 0, 1, 1, 1 }));
        Assert.That(MemoryMarshal.Cast<byte, int>(shaped.AsSpan(_layout.Tiles(2, Tile)))[..4].ToArray(), Is.EqualTo(new[] { 0, 0, 1, 0 }));
    }

    [Test]
    public void A_shape_is_all_that_decides_launches_and_no_more()
    {
        var other = Good();
        other.Sequences = [new(0, 2, 0, 3, 3, -1, null), new(2, 3, 0, 9, 1, 0, new Grid(1, 2, 1))];
        other.Tokens = [1, 2, -1, -1, -1];
        other.Times = [new(0, 2)];
        Assert.That(TableLayout.ShapeOf(other), Is.EqualTo(TableLayout.ShapeOf(Good())));
        foreach (var change in new Action<Batch>[]
        {
            b => b.Sequences = [new(0, 3, 0, 0, 0, -1, null), new(3, 2, 0, 9, 1, -1, null)],
            b => b.Times = [],
            b => b.Picked = [1],
            b => b.Predictions = [new(2, 0)],
            b => b.Steps = [new(0, 2, -1, new(0, 0))],
        })
        {
            var changed = Good();
            change(changed);
            Assert.That(TableLayout.ShapeOf(changed), Is.Not.EqualTo(TableLayout.ShapeOf(Good())));
        }
    }

    private static IEnumerable<TestCaseData> Wrong()
    {
        yield return Case("keys beyond the caches", b => b.Sequences = [new(0, 2, 0, 19, 0, -1, null)], "ends beyond caches of 20 keys");
        yield return Case("a branch beyond the caches", b => b.Sequences = [new(0, 2, 19, 0, 0, -1, null)], "ends beyond caches of 20 keys");
        yield return Case("positions without a rotation", b => b.Sequences = [new(0, 2, 0, 0, 19, -1, null)], "positions beyond the 20");
        yield return Case("no such modulation", b => b.Sequences = [new(0, 2, 0, 0, 0, Times, null)], "modulated by a row that is not within 3");
        yield return Case("too many rows", b => (b.Sequences, b.Tokens) = ([new(0, 9, 0, 0, 0, -1, null)], new int[9]), "does not fit 8 rows");
        yield return Case("too many sequences", b => b.Sequences = [new(0, 1, 0, 0, 0, -1, null), new(1, 1, 0, 0, 0, -1, null), new(2, 1, 0, 0, 0, -1, null)], "in 2 sequences");
        yield return Case("no such time", b => b.Times = [new(Times, 2)], "time 3 of 3");
        yield return Case("a time in no row", b => b.Times = [new(0, 5)], "at row 5 of 5");
        yield return Case("a picture where none is embedded", b => b.Patches = [new(0, 0)], "picture 0 of 0");
        yield return Case("no such row picked", b => b.Picked = [5], "at row 5 of 5");
        yield return Case("tokens for other rows", b => b.Tokens = [1], "1 tokens for 5 rows");

        static TestCaseData Case(string name, Action<Batch> change, string said) => new TestCaseData(change, said).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Wrong))]
    public void What_is_not_there_is_refused(Action<Batch> change, string said)
    {
        var batch = Good();
        change(batch);
        if (batch.Tokens.Count == 5 && batch.Rows != 5)
            batch.Tokens = new int[batch.Rows];
        Assert.That(() => _layout.WriteVarying(batch, new byte[_layout.VaryingBytes]), Throws.InvalidOperationException.With.Message.Contains(said));
    }

    [TestCase(Vocabulary)]
    [TestCase(-2)]
    public void A_token_that_is_no_token_is_the_requests_fault(int token)
    {
        var batch = Good();
        batch.Tokens = [5, token, -1, -1, -1];
        Assert.That(() => _layout.WriteVarying(batch, new byte[_layout.VaryingBytes]), Throws.TypeOf<RequestException>().With.Message.Contains($"{token}"));
    }

    /// <summary>Two pictures of six patches that attend to themselves, in heads of their own, and one of them placed behind the other's rows.</summary>
    [Test]
    public void Pictures_have_sequences_tiles_and_places_of_their_own()
    {
        var (layout, _) = Pictures();
        var varying = new byte[layout.VaryingBytes];
        layout.WriteVarying(Placed(7, 1), varying);
        Assert.That(MemoryMarshal.Cast<byte, int>(varying.AsSpan(layout.Placed))[..4].ToArray(), Is.EqualTo(new[] { 0, 7, 6, 1 }));

        var shaped = new byte[layout.ShapedBytes];
        layout.WriteShaped(Placed(7, 1), shaped);
        var (sequences, tiles, perPicture) = layout.PictureTiles(new Grid(1, 2, 3), group: 1, rowsPerTile: 4);
        Assert.That(perPicture, Is.EqualTo(2), "six rows in tiles of four");
        Assert.That(MemoryMarshal.Cast<byte, DeviceSequence>(shaped.AsSpan(sequences))[..2].ToArray(), Is.EqualTo(new DeviceSequence[] { new(0, 6, 0, 0, 0, -1, 1, 2, 3), new(6, 6, 6, 0, 0, -1, 1, 2, 3) }));
        Assert.That(MemoryMarshal.Cast<byte, int>(shaped.AsSpan(tiles))[..8].ToArray(), Is.EqualTo(new[] { 0, 0, 0, 4, 1, 0, 1, 4 }));
    }

    [TestCase(8, "picture 1 of 3 at row 8 of 13")]
    [TestCase(-1, "at row -1")]
    public void Patches_that_would_pass_the_last_row_are_refused(int firstRow, string said)
    {
        var (layout, _) = Pictures();
        Assert.That(() => layout.WriteVarying(Placed(1, firstRow), new byte[layout.VaryingBytes]), Throws.InvalidOperationException.With.Message.Contains(said));
    }

    [Test]
    public void Pictures_that_are_only_encoded_go_into_no_row()
    {
        var graph = Pictures().Graph;
        var encoded = new ModelGraph();
        foreach (var op in graph.Ops.Where(op => op is not PlacePatches))
            encoded.Add(op);
        var layout = new TableLayout(new Plan(encoded), new BatchBounds(null, 0, Spans: 2), _ => 4);
        Assert.That(() => layout.WriteVarying(new Batch { Patches = [new(2, 0)] }, new byte[layout.VaryingBytes]), Throws.Nothing);
        Assert.That(() => layout.WriteVarying(new Batch { Patches = [new(3, 0)] }, new byte[layout.VaryingBytes]), Throws.InvalidOperationException.With.Message.Contains("picture 3 of 3"));
    }

    /// <summary>Two branches of up to 20 keys, 7 of them kept of the prefix.</summary>
    [Test]
    public void Prefixes_are_recalled_branch_by_branch()
    {
        var layout = Recalling();
        var varying = new byte[layout.VaryingBytes];
        layout.WriteVarying(new Batch { Sequences = [new(0, 4, 0, 7, 7, -1, null), new(4, 4, 20, 3, 3, -1, null)], Prefixes = [1, 0] }, varying);
        Assert.That(MemoryMarshal.Cast<byte, int>(varying.AsSpan(layout.Recalled))[..4].ToArray(), Is.EqualTo(new[] { 7, 0, 0, 20 }));
    }

    [TestCase(2)]
    [TestCase(-1)]
    [TestCase(null)]
    public void A_prefix_that_nobody_keeps_is_refused(int? prefix)
    {
        var layout = Recalling();
        Assert.That(() => layout.WriteVarying(new Batch { Sequences = [new(0, 4, 0, 7, 7, -1, null)], Prefixes = prefix is { } which ? [which] : [] }, new byte[layout.VaryingBytes]),
            Throws.InvalidOperationException.With.Message.Contains("of 2 are not those of 1 sequences"));
    }

    /// <summary>Steps are tables: where rows begin, which picture and what numbers may differ from replay to replay.</summary>
    [Test]
    public void Steps_of_pictures_are_tables()
    {
        var layout = Stepping();
        var varying = new byte[layout.VaryingBytes];
        Batch one = Stepped(new PictureStep(1, 1, 4, new(0.5f, 0.1f, 3, StepPhase.HeunTrial))), other = Stepped(new PictureStep(0, 4, -1, new(0.25f, 0.2f)));
        layout.WriteVarying(one, varying);
        Assert.That(MemoryMarshal.Cast<byte, StepNumbers>(varying.AsSpan(layout.Numbers))[0], Is.EqualTo(new StepNumbers(0.5f, 0.1f, 3, 1, 1, 1, 4)));
        Assert.That(TableLayout.ShapeOf(other), Is.EqualTo(TableLayout.ShapeOf(one)));
    }

    private static IEnumerable<TestCaseData> WrongSteps()
    {
        yield return Case("no such picture", "picture stepped 2 of 2", new PictureStep(2, 1, -1, new(0, 0)));
        yield return Case("rows that are not there", "at row 5 of 6", new PictureStep(0, 5, -1, new(0, 0)));
        yield return Case("guidance without a second branch", "picture guided 0 of 2 at row -1", new PictureStep(0, 1, -1, new(0, 0, 2)));
        yield return Case("too many", "3 pictures are stepped, of 2", new(0, 1, -1, new(0, 0)), new(1, 1, -1, new(0, 0)), new(0, 1, -1, new(0, 0)));

        static TestCaseData Case(string name, string said, params PictureStep[] steps) => new TestCaseData(steps, said).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(WrongSteps))]
    public void A_step_of_what_is_not_there_is_refused(PictureStep[] steps, string said)
    {
        var layout = Stepping();
        Assert.That(() => layout.WriteVarying(Stepped(steps), new byte[layout.VaryingBytes]), Throws.InvalidOperationException.With.Message.Contains(said));
    }

    private static Batch Stepped(params PictureStep[] steps) => new() { Sequences = [new(0, 3, 0, 0, 0, -1, null), new(3, 3, 3, 0, 0, -1, null)], Steps = steps };

    /// <summary>Two pictures of two patches, whose spans have three rows each.</summary>
    private static TableLayout Stepping()
    {
        var rows = new Extent("tokens", 6);
        Value qkv = new("qkv", rows, 24, Storage.State), keys = new("keys", new Extent("keys", 6), 8, Storage.State), values = new("values", new Extent("keys", 6), 8, Storage.State);
        var head = new HeadOutput(new Value("rows", rows, 12, Storage.State), 3, 2, 4, 2, Raster: true);
        var graph = new ModelGraph();
        graph.Add(new QkvToCache("rope", qkv, new AttentionShape(1, 1, 8), new TextRotary(8, [1]), null, null, 0, keys, values));
        graph.Add(new VelocityStep("step", head, new Value("pictures", new Extent("pictures", 4), 24, Storage.State, ValueElement.Float32), new Value("velocity", new Extent("velocity", 2), 24, Storage.State, ValueElement.Float32), null));
        return new(new Plan(graph), new BatchBounds(rows, 2), _ => 4);
    }

    [TestCase(0, 8)]
    [TestCase(34, 2)]
    public void A_prefix_that_is_not_kept_or_has_no_place_is_refused(int kvBase, int prefix)
    {
        var layout = Recalling();
        Assert.That(() => layout.WriteVarying(new Batch { Sequences = [new(0, 4, kvBase, prefix, prefix, -1, null)], Prefixes = [0] }, new byte[layout.VaryingBytes]),
            Throws.InvalidOperationException.With.Message.Contains("recalls 7 rows"));
    }

    private static TableLayout Recalling()
    {
        var (rows, window) = (new Extent("tokens", 8), new Extent("keys", 40));
        Value keys = ModelGraph.Transient("keys", window, 8), values = ModelGraph.Transient("values", window, 8), qkv = new("qkv", rows, 24, Storage.State);
        var graph = new ModelGraph();
        graph.Add(new RecallPrefix("keys", new Value("kept keys", new Extent("kept", 14), 8, Storage.State), 7, keys));
        graph.Add(new RecallPrefix("values", new Value("kept values", new Extent("kept", 14), 8, Storage.State), 7, values));
        graph.Add(new QkvToCache("rope", qkv, new AttentionShape(1, 1, 8), new TextRotary(8, [1]), null, null, 0, keys, values));
        return new(new Plan(graph), new BatchBounds(rows, 2), _ => 4);
    }

    private static Batch Placed(int first, int second) => new() { Sequences = [new(0, 13, 0, 0, 0, -1, null)], Patches = [new(0, first), new(1, second)] };

    /// <summary>The ops of a vision encoder that have tables: three slots of pictures of 4 x 6 pixels in patches of two.</summary>
    private static (TableLayout Layout, ModelGraph Graph) Pictures()
    {
        var (shape, grid, patches) = (new AttentionShape(2, 2, 8), new Grid(1, 2, 3), new Extent("patches", 12));
        Value Transient(string name, int columns) => ModelGraph.Transient(name, patches, columns);
        Value h = Transient("h", 16), qkv = Transient("qkv", shape.QkvColumns), keys = Transient("keys", 16), values = Transient("values", 16), y = Transient("y", 16);
        var pictures = new Value("pictures", new Extent("pictures", 3), 3 * 24, Storage.State, ValueElement.Float32);
        var x = new Value("x", new Extent("tokens", 13), 16, Storage.State);
        Weight Weight(int rows, int columns) => new(["weight"], rows, columns, Precision.F32, null!, 0);
        var graph = new ModelGraph();
        graph.Add(new PatchEmbedding("embeddings", pictures, Weight(16, 12), Weight(1, 16), Weight(9, 16), 2, 3, 4, 6, h));
        graph.Add(new MatMul("qkv", h, Weight(48, 16), qkv));
        graph.Add(new QkvToCache("split", qkv, shape, null, null, null, 0, keys, values, grid));
        graph.Add(new Attention("attention", qkv, shape, keys, values, y, grid));
        graph.Add(new PlacePatches("place", y, grid.Count, x));
        graph.Add(new QkvToCache("rope", new Value("tokens", new Extent("tokens", 13), 24, Storage.State), new AttentionShape(1, 1, 8), new TextRotary(8, [1]), null, null, 0,
            new Value("k", new Extent("keys", 40), 8, Storage.State), new Value("v", new Extent("keys", 40), 8, Storage.State)));
        return (new(new Plan(graph), new BatchBounds(new Extent("tokens", 13), 1, Spans: 2), _ => 4), graph);
    }

    private static Batch Good() => new()
    {
        Sequences = [new(0, 2, 0, 0, 0, -1, null), new(2, 3, 4, 6, 6, 1, new Grid(1, 2, 1))],
        Tokens = [5, 99, -1, -1, -1],
        Times = [new(2, 2)],
    };

    private static TableLayout Layout()
    {
        var shape = new AttentionShape(2, 1, 64);
        Value qkv = State("qkv", Rows, shape.QkvColumns), keys = State("keys", Keys, 64), values = State("values", Keys, 64), x = State("x", Rows, 64), y = State("y", Rows, 64);
        var table = State("table", Times, 128);
        var graph = new ModelGraph();
        graph.Add(new EmbeddingGather("embed", Weight(Vocabulary), x));
        graph.Add(new PlaceTime("time", State("embeddings", Times, 64), x));
        graph.Add(new RmsNorm("norm", x, Weight(1), 0, y, new Modulation(table, 0), new Modulation(table, 1)));
        graph.Add(new QkvToCache("rope", qkv, shape, new TextRotary(64, [1]), null, null, 0, keys, values));
        graph.Add(new Attention("attention", qkv, shape, keys, values, y));
        return new(new Plan(graph), new BatchBounds(new Extent("tokens", Rows), 2, 1, 1), _ => Tile);

        static Value State(string name, int count, int columns) => new(name, new Extent(name, count), columns, Storage.State);

        static Weight Weight(int rows) => new(["weight"], rows, 64, Precision.F32, null!, 0);
    }
}
