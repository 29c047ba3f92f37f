using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Models;
using Tuna2.Engine.Text;

namespace Tuna2.Engine.Tests.Models;

public class PromptLayoutTests
{
    private const int Bos = 100, Eos = 101, Boi = 102, Eoi = 103, Hole = 104, Pad = 105, Image = 106;
    private static readonly TunaTokens s_tokens = new(Bos, Eos, Boi, Eoi, Hole, Pad, Image, 107, 108);
    private static readonly Grid s_grid = new(1, 1, 2);

    [Test]
    public void Text_to_image()
    {
        var layout = PromptLayout.TextToImage(s_tokens, [1, 2, 3], s_grid);
        Assert.Multiple(() =>
        {
            Assert.That(layout.Tokens, Is.EqualTo(new[] { Bos, 1, 2, 3, Boi, Hole, Hole, Hole, Eoi, Eos }));
            Assert.That(layout.Spans, Is.EqualTo(new[] { new Span(5, s_grid, Clean: false) }));
            Assert.That(layout.Target.End, Is.EqualTo(8));
            Assert.That(layout.SourcePatches, Is.Null);
        });
    }

    [Test]
    public void Text_to_image_without_text()
    {
        var layout = PromptLayout.TextToImage(s_tokens, [], s_grid);
        Assert.That(layout.Tokens, Is.EqualTo(new[] { Bos, Boi, Hole, Hole, Hole, Eoi, Eos }));
        Assert.That(layout.Target.Offset, Is.EqualTo(2));
    }

    [Test]
    public void Edit()
    {
        var layout = PromptLayout.Edit(s_tokens, [1, 2], s_grid);
        Assert.Multiple(() =>
        {
            Assert.That(layout.Tokens, Is.EqualTo(new[] { Bos, Boi, Hole, Hole, Hole, Eoi, 1, 2, Boi, Hole, Hole, Hole, Eoi, Eos }));
            Assert.That(layout.Spans, Is.EqualTo(new[] { new Span(2, s_grid, Clean: true), new Span(9, s_grid, Clean: false) }));
            Assert.That(layout.Target.Offset, Is.EqualTo(9));
        });
    }

    [Test]
    public void Reconstruct()
    {
        var layout = PromptLayout.Reconstruct(s_tokens, [1], s_grid);
        Assert.Multiple(() =>
        {
            Assert.That(layout.Tokens, Is.EqualTo(new[] { Bos, 1, Pad, Pad, Boi, Hole, Hole, Hole, Eoi, Eos }));
            Assert.That(layout.Spans, Is.EqualTo(new[] { new Span(5, s_grid, Clean: false) }));
            Assert.That(layout.SourcePatches, Is.EqualTo(2));
        });
    }

    [Test]
    public void A_picture_to_look_at()
    {
        var layout = PromptLayout.Text([1]).WithPicture(s_tokens, s_grid).With([2, 3]);
        Assert.Multiple(() =>
        {
            Assert.That(layout.Tokens, Is.EqualTo(new[] { 1, Boi, Hole, Hole, Hole, Eoi, 2, 3 }));
            Assert.That(layout.Spans, Is.EqualTo(new[] { new Span(2, s_grid, Clean: true) }));
        });
    }

    [Test]
    public void Text_alone()
    {
        var layout = PromptLayout.Text([1, 2]);
        Assert.That(layout.Tokens, Is.EqualTo(new[] { 1, 2 }));
        Assert.That(layout.Spans, Is.Empty);
    }

    [Test]
    public void Pictures_move_with_what_stands_before_them()
    {
        var other = new Grid(1, 2, 1);
        var turn = PromptLayout.Text([2]).WithPicture(s_tokens, s_grid).With([3]).WithPicture(s_tokens, other);
        var layout = PromptLayout.Text([1]).WithPicture(s_tokens, s_grid).With(turn);
        Assert.Multiple(() =>
        {
            Assert.That(layout.Tokens, Is.EqualTo(new[] { 1, Boi, Hole, Hole, Hole, Eoi, 2, Boi, Hole, Hole, Hole, Eoi, 3, Boi, Hole, Hole, Hole, Eoi }));
            Assert.That(layout.Spans, Is.EqualTo(new[] { new Span(2, s_grid, Clean: true), new Span(8, s_grid, Clean: true), new Span(14, other, Clean: true) }));
        });
    }

    [Test]
    public void Padding_comes_last_and_moves_nothing()
    {
        var layout = PromptLayout.Reconstruct(s_tokens, [], s_grid);
        var padded = layout.Padded(12, Pad);
        Assert.Multiple(() =>
        {
            Assert.That(padded.Tokens, Is.EqualTo((int[])[.. layout.Tokens, .. Enumerable.Repeat(Pad, 12 - layout.Tokens.Count)]));
            Assert.That(padded.Spans, Is.EqualTo(layout.Spans));
            Assert.That(padded.SourcePatches, Is.EqualTo(layout.SourcePatches));
        });
    }
}
