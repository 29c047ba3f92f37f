using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tuna2.Engine.Text;

namespace Tuna2.Engine.Tests.Text;

/// <summary>Files the tokenizer would get wrong are refused in one line; so is text it cannot normalise.</summary>
public class TokenizerFileTests
{
    [TestCase("normalizer.type", "\"NFKC\"", "normalizer \"NFKC\" is not supported")]
    [TestCase("pre_tokenizer", "null", "no pre_tokenizer")]
    [TestCase("pre_tokenizer.type", "\"Metaspace\"", "pre_tokenizer \"Metaspace\" is not supported")]
    [TestCase("pre_tokenizer.pretokenizers.0.pattern.Regex", "\"\\\\w+|\\n\"", "split pattern \"\\w+| \" is not supported")]
    [TestCase("pre_tokenizer.pretokenizers.0.behavior", "\"Removed\"", "behavior")]
    [TestCase("pre_tokenizer.pretokenizers.0.invert", "true", "inverted")]
    [TestCase("pre_tokenizer.pretokenizers.1.add_prefix_space", "true", "add_prefix_space")]
    [TestCase("pre_tokenizer.pretokenizers.1.use_regex", "true", "use_regex")]
    [TestCase("decoder.type", "\"WordPiece\"", "decoder \"WordPiece\"")]
    [TestCase("model", "[]", "model is missing")]
    [TestCase("model.type", "\"Unigram\"", "model \"Unigram\"")]
    [TestCase("model.byte_fallback", "true", "model.byte_fallback")]
    [TestCase("model.ignore_merges", "true", "model.ignore_merges")]
    [TestCase("model.ignore_merges", "3", "neither true nor false")]
    [TestCase("model.dropout", "0.1", "model.dropout")]
    [TestCase("model.end_of_word_suffix", "\"</w>\"", "model.end_of_word_suffix")]
    [TestCase("model.vocab", "null", "vocab is missing")]
    [TestCase("model.vocab", "{}", "lacks the token of byte 0")]
    [TestCase("model.vocab.a", "2000000000", "has id 2000000000")]
    [TestCase("model.vocab.a", "-1", "has id -1")]
    [TestCase("model.vocab.a", "1.5", "has id 1.5")]
    [TestCase("model.vocab.a", "98", "share the id 98")]
    [TestCase("model.vocab.a b", "300", "not byte-level")]
    [TestCase("model.merges", "[\"a zz\"]", "model.merges[0]")]
    [TestCase("model.merges", "[\"a b c\"]", "model.merges[0]")]
    [TestCase("model.merges", "[[\"a\",\"b\"]]", "model.merges[0]")]
    [TestCase("model.merges", "[[\"a\",7]]", "model.merges[0]")]
    [TestCase("added_tokens", "{}", "added_tokens is not an array")]
    [TestCase("added_tokens.0.content", "\"\"", "added_tokens[0] has no content")]
    [TestCase("added_tokens.0.content", "\"a\"", "has two ids")]
    [TestCase("added_tokens.0.lstrip", "true", "lstrip")]
    [TestCase("added_tokens.0.single_word", "true", "single_word")]
    [TestCase("added_tokens.0.id", "\"x\"", "id is missing")]
    public void A_foreign_or_damaged_file_is_refused(string at, string value, string expected) =>
        Refuses(Encoding.UTF8.GetBytes(Changed(at, value)), expected);

    [TestCase("")]
    [TestCase("{")]
    [TestCase("[]")]
    [TestCase("{\"model\":{}}")]
    [TestCase("{\"normalizer\":{\"type\":\"\\ud800\"}}")]
    public void Other_content_is_refused(string content) => Refuses(Encoding.UTF8.GetBytes(content), "");

    [Test]
    public void A_truncated_file_is_refused_wherever_it_ends()
    {
        var whole = File.ReadAllBytes(Tokenizers.TinyPath);
        for (var length = 0; length < whole.Length - 3; length += 61)
            Refuses(whole[..length], "");
    }

    [Test]
    public void A_missing_file_is_named()
    {
        var error = Assert.Throws<ModelException>(() => Tokenizer.Load("/no/such/tokenizer.json"));
        Assert.That(error!.Message, Is.EqualTo("/no/such/tokenizer.json: no such tokenizer file"));
        Assert.Throws<ModelException>(() => Tokenizer.Load(Path.GetTempPath()));
    }

    [Test]
    public void Merges_may_be_pairs()
    {
        var text = JsonNode.Parse(File.ReadAllBytes(Tokenizers.ShapesPath))!;
        var merges = text["model"]!["merges"]!.AsArray();
        text["model"]!["merges"] = new JsonArray([.. merges.Select(merge => Pair(merge!.GetValue<string>().Split(' ')))]);
        var pairs = Tokenizers.LoadBytes(Encoding.UTF8.GetBytes(text.ToJsonString()));
        const string caption = "a green square above an orange circle on a black background";
        Assert.That(pairs.Encode(caption), Is.EqualTo(Tokenizers.Shapes.Encode(caption)));

        static JsonArray Pair(string[] parts) => new(parts[0], parts[1]);
    }

    [Test]
    public void Without_a_normalizer_text_is_taken_as_it_is()
    {
        var plain = Tokenizers.LoadBytes(Encoding.UTF8.GetBytes(Changed("normalizer", "null")), canNormalize: false);
        Assert.That(plain.Encode("e\u0301"), Is.EqualTo(new[] { 0x65, 0xcc, 0x81 }));
    }

    [Test]
    public void Without_culture_data_only_text_that_needs_none_is_taken()
    {
        var crippled = Tokenizers.LoadBytes(File.ReadAllBytes(Tokenizers.TinyPath), canNormalize: false);
        const string plain = "naïve café ÿ ɏ <|im_end|>";
        Assert.That(crippled.Encode(plain), Is.EqualTo(Tokenizers.Tiny.Encode(plain)));
        foreach (var text in new[] { "e\u0301", "\u0300", "中文", "😀" })
        {
            var error = Assert.Throws<RequestException>(() => crippled.Encode(text));
            foreach (var cure in new[] { "System.Globalization.Invariant", "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "ICU" })
                Assert.That(error!.Message, Does.Contain(cure).And.Not.Contain("\n"));
        }
    }

    /// <summary>The case that <see cref="A_process_without_culture_data_refuses_to_guess"/> runs in a process of its own.</summary>
    [Test, Explicit("needs a process with DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1")]
    public void In_a_process_without_culture_data()
    {
        Assert.That("e\u0301".Normalize(), Is.EqualTo("e\u0301"), "this process has culture data");
        Assert.That(Tokenizers.Tiny.Encode("caf\u00e9"), Is.EqualTo(new[] { 0x63, 0x61, 0x66, 0xc3, 0xa9 }));
        Assert.Throws<RequestException>(() => Tokenizers.Tiny.Encode("cafe\u0301"));
    }

    [Test]
    public void A_process_without_culture_data_refuses_to_guess()
    {
        var self = typeof(TokenizerFileTests);
        var start = new ProcessStartInfo(
            "dotnet", ["vstest", self.Assembly.Location, $"--Tests:{self.FullName}.{nameof(In_a_process_without_culture_data)}"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = TestContext.CurrentContext.WorkDirectory,
        };
        start.Environment["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] = "1";
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd() + errors.Result;
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, output);
        Assert.That(output, Does.Match(@"Passed:\s+1\b"), output);
    }

    /// <summary>The tiny tokenizer's file with one value replaced or added.</summary>
    static string Changed(string at, string value)
    {
        var root = JsonNode.Parse(File.ReadAllBytes(Tokenizers.TinyPath))!;
        var names = at.Split('.');
        var node = root;
        foreach (var name in names[..^1])
            node = node is JsonArray array ? array[int.Parse(name, System.Globalization.CultureInfo.InvariantCulture)]! : node[name]!;
        node[names[^1]] = JsonNode.Parse(value);
        return root.ToJsonString();
    }

    static void Refuses(byte[] content, string expected)
    {
        var error = Assert.Throws<ModelException>(() => Tokenizers.LoadBytes(content));
        Assert.That(error!.Message, Does.Contain(expected).And.Not.Contain("\n"));
    }
}
