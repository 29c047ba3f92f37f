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
    public void A_chat_with_a_picture()
    {
        var layout = PromptLayout.Chat(s_tokens, [1, Image, 2, 3], s_grid);
        Assert.Multiple(() =>
        {
            Assert.That(layout.Tokens, Is.EqualTo(new[] { 1, Boi, Hole, Hole, Hole, Eoi, 2, 3 }));
            Assert.That(layout.Spans, Is.EqualTo(new[] { new Span(2, s_grid, Clean: true) }));
        });
    }

    [Test]
    public void A_chat_without_a_picture()
    {
        var layout = PromptLayout.Chat(s_tokens, [1, 2], null);
        Assert.That(layout.Tokens, Is.EqualTo(new[] { 1, 2 }));
        Assert.That(layout.Spans, Is.Empty);
    }

    [Test]
    public void A_picture_without_its_token_is_an_error() =>
        Assert.That(() => PromptLayout.Chat(s_tokens, [1, 2], s_grid), Throws.InvalidOperationException);

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
