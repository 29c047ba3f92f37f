using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Models;
using Tuna2.Engine.Text;

namespace Tuna2.Engine.Tests.Models;

public class BatchBuilderTests
{
    private static readonly TunaTokens s_tokens = new(100, 101, 102, 103, 104, 105, 106, 107, 108);
    private static readonly Grid s_grid = new(1, 2, 3);
    private const int CleanTime = 0, TargetTime = 4, SourcePicture = 2, TargetPicture = 1, KvBase = 50;

    private static readonly (string Name, PromptLayout Layout)[] s_layouts =
    [
        ("generate", PromptLayout.TextToImage(s_tokens, [1, 2, 3], s_grid)),
        ("generate without text", PromptLayout.TextToImage(s_tokens, [], s_grid)),
        ("edit", PromptLayout.Edit(s_tokens, [1, 2], s_grid)),
        ("edit without text", PromptLayout.Edit(s_tokens, [], s_grid)),
        ("reconstruct", PromptLayout.Reconstruct(s_tokens, [1], s_grid)),
        ("chat", PromptLayout.Text([1]).WithPicture(s_tokens, s_grid).With([2, 3])),
        ("chat that ends in its picture", PromptLayout.Text([]).WithPicture(s_tokens, s_grid)),
        ("text", PromptLayout.Text([1, 2, 3])),
        ("chat of several pictures", PromptLayout.Text([1]).WithPicture(s_tokens, s_grid).With([2]).WithPicture(s_tokens, s_grid).WithPicture(s_tokens, s_grid).With([3, 4])),
        ("padded", PromptLayout.Edit(s_tokens, [1, 2], s_grid).Padded(40, 105)),
    ];

    private static IEnumerable<TestCaseData> Layouts => s_layouts.Select(l => new TestCaseData(l.Layout).SetArgDisplayNames(l.Name));

    /// <summary>MODEL.md 3.3: a query sees a key when it does not come later, or when both are of the same span.</summary>
    [TestCaseSource(nameof(Layouts))]
    public void What_a_row_sees_is_the_dense_mask(object prompt)
    {
        var layout = (PromptLayout)prompt;
        var length = layout.Tokens.Count;
        var batch = Build(layout, 0, length);
        foreach (var s in batch.Sequences)
            for (var row = 0; row < s.QLen; row++)
            {
                var query = s.QBegin + row;
                var end = 0;
                for (var key = 0; key < length; key++)
                {
                    var visible = key <= query || layout.Spans.Any(p => Within(p, query) && Within(p, key));
                    Assert.That(key < s.KvEnd(row), Is.EqualTo(visible), $"query {query}, key {key}");
                    end += visible ? 1 : 0;
                }
                Assert.That(s.KvEnd(row), Is.EqualTo(end));
            }
        Assert.That(batch.Rows, Is.EqualTo(length));

        static bool Within(Span span, int position) => position >= span.Offset && position < span.End;
    }

    [TestCaseSource(nameof(Layouts))]
    public void Every_row_has_its_position_its_place_and_one_source(object prompt)
    {
        var layout = (PromptLayout)prompt;
        var batch = Build(layout, 0, layout.Tokens.Count);
        foreach (var s in batch.Sequences)
        {
            Assert.That((s.KvBase, s.PrefixLen, s.PosBase), Is.EqualTo((KvBase, s.QBegin, s.QBegin)));
            var span = layout.Spans.Where(p => p.Offset == s.QBegin).Select(p => (Span?)p).SingleOrDefault();
            Assert.That((s.Span, s.ModRow), Is.EqualTo(span is { } p ? ((Grid?)p.Grid, p.Clean ? CleanTime : TargetTime) : (null, -1)));
        }

        var filled = new int[batch.Rows];
        for (var row = 0; row < batch.Rows; row++)
            if (batch.Tokens[row] != -1)
            {
                Assert.That(batch.Tokens[row], Is.EqualTo(layout.Tokens[row]));
                filled[row]++;
            }
        foreach (var patches in batch.Patches)
            for (var i = 0; i < s_grid.Count; i++)
                filled[patches.FirstRow + i]++;
        foreach (var time in batch.Times)
            filled[time.Row]++;
        Assert.That(filled, Is.All.EqualTo(1));
    }

    [Test]
    public void An_edit_takes_source_and_target_from_their_slots_and_times()
    {
        var batch = Build(s_layouts[2].Layout, 0, s_layouts[2].Layout.Tokens.Count);
        Assert.Multiple(() =>
        {
            Assert.That(batch.Patches, Is.EqualTo(new PatchPlacement[] { new(SourcePicture, 3), new(TargetPicture, 14) }));
            Assert.That(batch.Times, Is.EqualTo(new TimePlacement[] { new(CleanTime, 2), new(TargetTime, 13) }));
        });
    }

    [Test]
    public void Pictures_of_a_chat_take_the_slots_in_order()
    {
        var layout = s_layouts.Single(l => l.Name == "chat of several pictures").Layout;
        var batch = Build(layout, 0, layout.Tokens.Count);
        Assert.That(batch.Patches, Is.EqualTo(new PatchPlacement[] { new(SourcePicture, 3), new(SourcePicture + 1, 13), new(SourcePicture + 2, 22) }));
        var last = Build(layout, layout.Spans[2].Offset, layout.Tokens.Count);
        Assert.That(last.Patches, Is.EqualTo(new PatchPlacement[] { new(SourcePicture, 1) }), "the range's first");
    }

    [Test]
    public void A_reconstruction_has_its_sources_patches_among_the_text()
    {
        var layout = s_layouts[4].Layout;
        var batch = Build(layout, 0, layout.Tokens.Count);
        Assert.Multiple(() =>
        {
            Assert.That(batch.Patches, Is.EquivalentTo(new PatchPlacement[] { new(SourcePicture, 2), new(TargetPicture, 10) }));
            Assert.That(batch.ModRow(2), Is.EqualTo(-1));
            Assert.That(batch.Sequences[0].Span, Is.Null);
        });
    }

    [TestCaseSource(nameof(Layouts))]
    public void A_span_alone_stands_behind_its_prefix(object prompt)
    {
        var layout = (PromptLayout)prompt;
        foreach (var span in layout.Spans)
        {
            var batch = Build(layout, span.Offset, span.End);
            var full = Build(layout, 0, layout.Tokens.Count).Sequences.Single(s => s.QBegin == span.Offset);
            Assert.That(batch.Sequences, Is.EqualTo(new[] { full with { QBegin = 0 } }));
            Assert.That(batch.Tokens, Is.All.EqualTo(-1));
        }
    }

    [Test]
    public void Branches_follow_each_other()
    {
        var (one, two) = (s_layouts[0].Layout, s_layouts[1].Layout);
        var builder = new BatchBuilder();
        builder.Add(one, one.Target.Offset, one.Target.End, 0, 0, 1, 2, 0).Predict(0, 0).Recall(1);
        builder.Add(two, two.Target.Offset, two.Target.End, 12, 0, 1, 2, 0).Predict(7, 1).Recall(0);
        var batch = builder.Step(0, 0, 7, new(0.5f, 0.1f, 3)).Step(1, 7, null, new(0.25f, 0.1f)).Build();
        Assert.Multiple(() =>
        {
            Assert.That(batch.Sequences.Select(s => (s.QBegin, s.KvBase, s.KvLen)), Is.EqualTo(new[] { (0, 0, 12), (7, 12, 9) }));
            Assert.That(batch.Predictions, Is.EqualTo(new PredictionPlacement[] { new(1, 0), new(8, 1) }));
            Assert.That(batch.Times, Is.EqualTo(new TimePlacement[] { new(1, 0), new(1, 7) }));
            Assert.That(batch.Prefixes, Is.EqualTo(new[] { 1, 0 }));
            Assert.That(batch.Steps, Is.EqualTo(new PictureStep[] { new(0, 1, 8, new(0.5f, 0.1f, 3)), new(1, 8, -1, new(0.25f, 0.1f)) }), "patches stand behind the time token");
        });
    }

    [Test]
    public void A_token_more_stands_behind_what_was_there()
    {
        var batch = new BatchBuilder().AddToken(42, 17, KvBase).PickLast().Build();
        Assert.Multiple(() =>
        {
            Assert.That(batch.Sequences, Is.EqualTo(new Sequence[] { new(0, 1, KvBase, 17, 17, -1, null) }));
            Assert.That(batch.Tokens, Is.EqualTo(new[] { 42 }));
            Assert.That(batch.Picked, Is.EqualTo(new[] { 0 }));
        });
    }

    [TestCase(2, 0, 6)] // ends in the source
    [TestCase(2, 4, 13)] // begins in it
    [TestCase(2, 4, 6)]
    [TestCase(4, 0, 4)] // ends in the reconstruction's source patches
    [TestCase(4, 3, 9)]
    public void A_range_that_cuts_a_picture_is_an_error(int layout, int from, int to) =>
        Assert.That(() => Build(s_layouts[layout].Layout, from, to), Throws.ArgumentException);

    private static Batch Build(PromptLayout layout, int from, int to) =>
        new BatchBuilder().Add(layout, from, to, KvBase, CleanTime, TargetTime, SourcePicture, TargetPicture).Build();
}
