using System.Diagnostics;
using System.Text;
using Microsoft.ML.Tokenizers;
using NUnit.Framework;
using Tuna2.Engine.Text;

namespace Tuna2.Engine.Tests.Text;

/// <summary>The merging of long words gives the ids of the library that merges the others, and in time.</summary>
public class LongWordMergerTests
{
    private static readonly string[] s_letters = ["ab", "aa\u0301b", "etaoinshrdlu", "0123456789", "中文字符é", "𠀀x😀", " \n\t", "!?.-_", "the and ing tion"];

    [Test]
    public void Ids_are_those_of_the_library()
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, Tokenizers.QwenFile);
            var file = TokenizerFile.Read(path);
            var library = BpeTokenizer.Create(new BpeOptions(file.Vocabulary) { Merges = file.Merges, ByteLevel = true });
            var merger = new LongWordMerger(file);
            var random = new Random(7);
            for (var i = 0; i < 2000; i++)
            {
                var letters = s_letters[i % s_letters.Length].EnumerateRunes().ToArray();
                var word = string.Concat(Enumerable.Range(0, 1 + random.Next(i % 50 == 0 ? 3000 : 300)).Select(_ => letters[random.Next(letters.Length)]));
                var ids = new List<int>();
                merger.Merge(word, ids);
                Assert.That(ids, Is.EqualTo(library.EncodeToIds(word, considerPreTokenization: false, considerNormalization: false)), word);
            }
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>The library alone takes 2 s for 100,000 letters and sixteen times as long for four times as many.</summary>
    [Test]
    public void Four_hundred_thousand_letters_take_a_moment()
    {
        var random = new Random(3);
        var word = string.Concat(Enumerable.Range(0, 400_000).Select(_ => (char)('a' + random.Next(26))));
        var tokenizer = Tokenizers.Qwen;
        var clock = Stopwatch.StartNew();
        var ids = tokenizer.Encode(word);
        TestContext.Out.WriteLine($"{clock.Elapsed.TotalMilliseconds:F0} ms");
        Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(8)));
        Assert.That(tokenizer.Decode(ids), Is.EqualTo(word));
    }

    [Test]
    public void Half_a_surrogate_pair_is_a_replacement_character_in_a_long_word_too()
    {
        var text = new StringBuilder().Append('x', 300).Append('\ud83d').Append('y', 300).ToString();
        Assert.That(Tokenizers.Qwen.Decode(Tokenizers.Qwen.Encode(text)), Is.EqualTo(text.Replace('\ud83d', '\ufffd')));
    }
}
