using System.Text;
using NUnit.Framework;
using Tuna2.Engine.Text;

namespace Tuna2.Engine.Tests.Text;

/// <summary>Pieces are whole characters, as early as they are certain, and add up to the whole text.</summary>
public class StreamingDecoderTests
{
    [TestCase("qwen", 4000)]
    [TestCase("tuna2-tiny", 20000)]
    [TestCase("tuna2-shapes", 4000)]
    public void Pieces_add_up_to_the_whole_text_on_random_ids(string name, int count)
    {
        var tokenizer = Tokenizers.Named(name);
        var decoder = new StreamingDecoder(tokenizer);
        var random = new Random(5);
        for (var i = 0; i < count; i++)
        {
            // Past the vocabulary too; on the byte vocabulary this is mostly broken UTF-8.
            var ids = Enumerable.Range(0, random.Next(12)).Select(_ => random.Next(-2, tokenizer.VocabularySize + 3)).ToArray();
            var text = new StringBuilder();
            foreach (var id in ids)
                text.Append(Whole(decoder.Push(id)));
            text.Append(Whole(decoder.Flush()));
            Assert.That(text.ToString(), Is.EqualTo(tokenizer.Decode(ids, skipSpecialTokens: true)), () => string.Join(" ", ids));
        }
    }

    [Test]
    public void Pieces_add_up_where_bytes_almost_make_characters()
    {
        var decoder = new StreamingDecoder(Tokenizers.Tiny);
        var random = new Random(6);
        int[] bytes = [0x41, 0x80, 0x8f, 0x9f, 0xa0, 0xbf, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff, 257];
        for (var i = 0; i < 20000; i++)
        {
            var ids = Enumerable.Range(0, random.Next(9)).Select(_ => bytes[random.Next(bytes.Length)]).ToArray();
            var text = string.Concat(ids.Select(decoder.Push)) + decoder.Flush();
            Assert.That(text, Is.EqualTo(Tokenizers.Tiny.Decode(ids, skipSpecialTokens: true)), () => string.Join(" ", ids));
        }
    }

    [Test]
    public void A_character_appears_with_its_last_byte()
    {
        var decoder = new StreamingDecoder(Tokenizers.Tiny);
        var pieces = Encoding.UTF8.GetBytes("a😀é").Select(value => decoder.Push(value)).ToArray();
        Assert.That(pieces, Is.EqualTo(new[] { "a", "", "", "", "😀", "", "é" }));
        Assert.That(decoder.Flush(), Is.Empty);
    }

    [Test]
    public void A_special_token_inside_a_character_does_not_break_it()
    {
        var decoder = new StreamingDecoder(Tokenizers.Tiny);
        Assert.That(decoder.Push(0xc3) + decoder.Push(258) + decoder.Push(0xa9) + decoder.Flush(), Is.EqualTo("é"));
    }

    [Test]
    public void Flush_ends_half_a_character_and_starts_anew()
    {
        var decoder = new StreamingDecoder(Tokenizers.Tiny);
        Assert.That(decoder.Push(0xf0) + decoder.Push(0x9f), Is.Empty);
        Assert.That(decoder.Flush(), Is.EqualTo("\ufffd"));
        Assert.That(decoder.Flush(), Is.Empty);
        Assert.That(decoder.Push('x'), Is.EqualTo("x"));
    }

    static string Whole(string piece)
    {
        Assert.That(piece, Is.EqualTo(string.Concat(piece.EnumerateRunes())), "a piece held half a surrogate pair");
        return piece;
    }
}
