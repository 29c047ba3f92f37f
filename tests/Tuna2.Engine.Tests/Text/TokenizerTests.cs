using System.Diagnostics;
using System.Text;
using System.Text.Json;
using NUnit.Framework;
using Tuna2.Engine.Text;

namespace Tuna2.Engine.Tests.Text;

/// <summary>Ids and text against vectors of an independent implementation and against a slow second tokenizer.</summary>
public class TokenizerTests
{
    static IEnumerable<TestCaseData> Vectors => File.ReadLines(Fixtures.Path("tokenizer", "vectors.jsonl"))
        .Select((line, i) => new TestCaseData(line).SetArgDisplayNames($"line {i + 1}"));

    [TestCaseSource(nameof(Vectors))]
    public void Qwen_ids_are_those_of_the_reference(string line)
    {
        var (text, ids) = Read(line);
        Assert.That(Tokenizers.Qwen.Encode(text), Is.EqualTo(ids));
    }

    [Test]
    public void Vectors_decode_to_their_normalised_text()
    {
        foreach (var line in File.ReadLines(Fixtures.Path("tokenizer", "vectors.jsonl")))
        {
            var (text, ids) = Read(line);
            var expected = string.Concat(text.EnumerateRunes()).Normalize();
            Assert.That(Tokenizers.Qwen.Decode(ids), Is.EqualTo(expected));
        }
    }

    [TestCase("qwen", 3000, 1)]
    [TestCase("tuna2-tiny", 1000, 2)]
    [TestCase("tuna2-shapes", 3000, 3)]
    public void Ids_equal_the_slow_tokenizer_on_random_text(string name, int count, int seed)
    {
        var tokenizer = Tokenizers.Named(name);
        var oracle = new BpeOracle(Tokenizers.FileNamed(name));
        var fuzz = new FuzzText(seed);
        for (var i = 0; i < count; i++)
        {
            var text = fuzz.Next();
            var ids = tokenizer.Encode(text);
            Assert.That(ids, Is.EqualTo(oracle.Encode(text)), () => $"text {i}: {Escape(text)}");
            // The pieces around added tokens are normalised one by one, so only repaired text surely returns.
            if (text.IsNormalizedWhole())
                Assert.That(tokenizer.Decode(ids), Is.EqualTo(text), () => $"text {i}: {Escape(text)}");
        }
    }

    [Test]
    public void Words_of_many_lengths_equal_the_slow_tokenizer()
    {
        var oracle = new BpeOracle(Tokenizers.QwenFile);
        var random = new Random(4);
        foreach (var length in new[] { 1, 2, 15, 16, 17, 31, 32, 33, 127, 128, 129, 255, 256, 257, 511, 513, 1023, 1025, 2049 })
            foreach (var letters in new[] { "a", "ab", "etaoin", "中文字é", "𠀀x" })
            {
                var runes = letters.EnumerateRunes().ToArray();
                var word = string.Concat(Enumerable.Range(0, length).Select(_ => runes[random.Next(runes.Length)]));
                Assert.That(Tokenizers.Qwen.Encode(word), Is.EqualTo(oracle.Encode(word)), () => $"{length} of {letters}");
            }
    }

    [TestCase("ba", 100_000)]
    [TestCase("a", 100_000)]
    [TestCase("\n", 100_000)]
    [TestCase(" ", 100_000)]
    [TestCase("!", 100_000)]
    [TestCase("<|im_start", 20_000)]
    public void Long_runs_take_seconds_at_most(string piece, int count)
    {
        var text = string.Concat(Enumerable.Repeat(piece, count));
        var tokenizer = Tokenizers.Qwen;
        var clock = Stopwatch.StartNew();
        var ids = tokenizer.Encode(text);
        Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(60)));
        Assert.That(tokenizer.Decode(ids), Is.EqualTo(text));
    }

    [Test]
    public void Threads_share_a_tokenizer()
    {
        var lines = File.ReadLines(Fixtures.Path("tokenizer", "vectors.jsonl")).Select(Read).ToArray();
        var wrong = 0;
        Parallel.For(0, 1000, i =>
        {
            var (text, ids) = lines[i % lines.Length];
            if (!Tokenizers.Qwen.Encode(text).SequenceEqual(ids))
                Interlocked.Increment(ref wrong);
        });
        Assert.That(wrong, Is.Zero);
    }

    [Test]
    public void A_stock_file_gets_the_official_additions()
    {
        var stock = Tokenizers.LoadBytes(Tokenizers.QwenFile, addTunaTokens: false);
        Assert.That(stock.VocabularySize, Is.EqualTo(151665));
        Assert.That(stock.IdOf("<image>"), Is.Null);

        var tokens = TunaTokens.Of(Tokenizers.Qwen);
        Assert.That(Tokenizers.Qwen.VocabularySize, Is.EqualTo(151669));
        Assert.That(tokens, Is.EqualTo(new TunaTokens(151644, 151645, 151652, 151653, 151655, 151665, 151666, 151667, 151668)));
        Assert.That(Tokenizers.Qwen.Encode("a<image>[PAD]"), Is.EqualTo(new[] { 64, 151666, 151665 }));
    }

    [TestCase("tuna2-tiny", 256)]
    [TestCase("tuna2-shapes", 445)]
    public void A_complete_file_is_left_alone(string name, int firstAdded)
    {
        var tokenizer = Tokenizers.Named(name);
        Assert.That(tokenizer.VocabularySize, Is.EqualTo(firstAdded + 11));
        var f = firstAdded;
        Assert.That(TunaTokens.Of(tokenizer), Is.EqualTo(new TunaTokens(f + 1, f + 2, f + 3, f + 4, f + 5, f + 7, f + 8, f + 9, f + 10)));
    }

    [Test]
    public void Missing_tokens_are_listed_together()
    {
        var stock = Tokenizers.LoadBytes(Tokenizers.QwenFile, addTunaTokens: false);
        var error = Assert.Throws<ModelException>(() => TunaTokens.Of(stock));
        Assert.That(error!.Message, Is.EqualTo("the tokenizer lacks [PAD], <image>, <|vid_start|>, <|vid_end|>"));
    }

    [Test]
    public void Special_tokens_can_be_left_out()
    {
        int[] ids = [151644, 64, 151657, 151665, 151666, 151645];
        Assert.That(Tokenizers.Qwen.Decode(ids), Is.EqualTo("<|im_start|>a<tool_call>[PAD]<image><|im_end|>"));
        Assert.That(Tokenizers.Qwen.Decode(ids, skipSpecialTokens: true), Is.EqualTo("a<tool_call><image>"));
    }

    [Test]
    public void Ids_without_a_token_decode_to_nothing()
    {
        Assert.That(Tokenizers.Qwen.Decode([64, 151669, -1, int.MaxValue, int.MinValue]), Is.EqualTo("a"));
        Assert.Throws<ArgumentOutOfRangeException>(() => Tokenizers.Qwen.TokenText(151669));
        Assert.Throws<ArgumentOutOfRangeException>(() => Tokenizers.Qwen.TokenText(-1));
    }

    [Test]
    public void Every_id_names_its_token_and_every_byte_its_letter()
    {
        var tokenizer = Tokenizers.Qwen;
        for (var id = 0; id < tokenizer.VocabularySize; id++)
            Assert.That(tokenizer.IdOf(tokenizer.TokenText(id)), Is.EqualTo(id));
        Assert.That(tokenizer.TokenText(6548), Is.EqualTo("Ġphoto"));
        for (var value = 0; value < 256; value++)
            Assert.That(Tokenizers.Tiny.DecodeBytes([value]), Is.EqualTo(new[] { (byte)value }));
    }

    [Test]
    public void Bytes_that_are_no_text_decode_to_replacement_characters()
    {
        Assert.That(Tokenizers.Tiny.Decode([0x61, 0xf0, 0x9f, 0x98, 0x62, 0x80, 0xc0, 0xe4]), Is.EqualTo("a\ufffdb\ufffd\ufffd\ufffd"));
        Assert.That(Tokenizers.Tiny.DecodeBytes([0xf0, 0x9f, 258], skipSpecialTokens: true), Is.EqualTo(new byte[] { 0xf0, 0x9f }));
    }

    static (string Text, int[] Ids) Read(string line)
    {
        using var json = JsonDocument.Parse(line);
        // GetString refuses the half surrogate pair of one line.
        var raw = json.RootElement.GetProperty("text").GetRawText();
        var text = raw.Contains(@"\ud83d ", StringComparison.Ordinal)
            ? raw[1..^1].Replace(@"\ud83d", "\ud83d", StringComparison.Ordinal)
            : json.RootElement.GetProperty("text").GetString()!;
        return (text, [.. json.RootElement.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())]);
    }

    static string Escape(string text) => string.Concat(text.Select(c => c is > ' ' and < '\x7f' ? c.ToString() : $"\\u{(int)c:x4}"));
}

file static class TextExtensions
{
    /// <summary>Whether text is well-formed and in form C, so that decoding must return it as it is.</summary>
    public static bool IsNormalizedWhole(this string text)
    {
        var repaired = string.Concat(text.EnumerateRunes());
        return repaired == text && text.IsNormalized(NormalizationForm.FormC);
    }
}
