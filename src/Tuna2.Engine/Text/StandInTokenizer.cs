using System.Text.Encodings.Web;
using System.Text.Json;

namespace Tuna2.Engine.Text;

/// <summary>
/// A tokenizer.json for models that were never trained: Qwen2.5's form and special tokens, its ordinary tokens replaced by
/// pairs and triples of bytes. With Qwen2.5's number of tokens it has Qwen2.5's ids for the special ones, and takes the memory
/// and time of the real one.
/// </summary>
internal static class StandInTokenizer
{
    /// <summary>Qwen2.5's added tokens in the order of their ids (its tokenizer.json), and which of them are special.</summary>
    private static readonly (string Content, bool Special)[] _qwen =
    [
        ("<|endoftext|>", true), ("<|im_start|>", true), ("<|im_end|>", true), ("<|object_ref_start|>", true), ("<|object_ref_end|>", true),
        ("<|box_start|>", true), ("<|box_end|>", true), ("<|quad_start|>", true), ("<|quad_end|>", true), ("<|vision_start|>", true),
        ("<|vision_end|>", true), ("<|vision_pad|>", true), ("<|image_pad|>", true), ("<|video_pad|>", true), ("<tool_call>", false),
        ("</tool_call>", false), ("<|fim_prefix|>", false), ("<|fim_middle|>", false), ("<|fim_suffix|>", false), ("<|fim_pad|>", false),
        ("<|repo_name|>", false), ("<|file_sep|>", false),
    ];

    /// <summary>The text of the file, UTF-8.</summary>
    /// <param name="size">Tokens in all; the added ones are the last.</param>
    /// <exception cref="ModelException">They are too few for the bytes and the added tokens.</exception>
    public static byte[] Json(int size)
    {
        (string Content, bool Special)[] added = [.. _qwen, .. TunaTokens.Additions];
        var ordinary = size - added.Length;
        if (ordinary < 256)
            throw new ModelException($"a vocabulary of {size} tokens has no room for 256 bytes and {added.Length} added tokens");
        using var text = new MemoryStream();
        using (var json = new Utf8JsonWriter(text, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("version", "1.0");
            WriteAdded(json, added, ordinary);
            json.WriteStartObject("normalizer");
            json.WriteString("type", "NFC");
            json.WriteEndObject();
            WritePreTokenizer(json);
            json.WriteStartObject("decoder");
            json.WriteString("type", "ByteLevel");
            json.WriteEndObject();
            WriteModel(json, ordinary);
            json.WriteEndObject();
        }
        return text.ToArray();
    }

    private static void WriteAdded(Utf8JsonWriter json, (string Content, bool Special)[] added, int firstId)
    {
        json.WriteStartArray("added_tokens");
        for (var i = 0; i < added.Length; i++)
        {
            json.WriteStartObject();
            json.WriteNumber("id", firstId + i);
            json.WriteString("content", added[i].Content);
            foreach (var name in (string[])["single_word", "lstrip", "rstrip", "normalized"])
                json.WriteBoolean(name, false);
            json.WriteBoolean("special", added[i].Special);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void WritePreTokenizer(Utf8JsonWriter json)
    {
        json.WriteStartObject("pre_tokenizer");
        json.WriteString("type", "Sequence");
        json.WriteStartArray("pretokenizers");
        json.WriteStartObject();
        json.WriteString("type", "Split");
        json.WriteStartObject("pattern");
        json.WriteString("Regex", QwenPreTokenizer.Pattern);
        json.WriteEndObject();
        json.WriteString("behavior", "Isolated");
        json.WriteBoolean("invert", false);
        json.WriteEndObject();
        json.WriteStartObject();
        json.WriteString("type", "ByteLevel");
        json.WriteBoolean("add_prefix_space", false);
        json.WriteBoolean("use_regex", false);
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteModel(Utf8JsonWriter json, int count)
    {
        // Every merge makes the token that follows in the vocabulary: first all pairs of bytes, then those pairs with a third.
        string[] bytes = [.. Enumerable.Range(0, 256).Select(value => ByteAlphabet.Letter((byte)value).ToString())];
        List<(string Left, string Right)> merges = [];
        for (var left = 0; merges.Count < count - bytes.Length; left++)
        {
            var prefix = left < bytes.Length ? bytes[left] : merges[left - bytes.Length].Left + merges[left - bytes.Length].Right;
            merges.AddRange(bytes.Take(count - bytes.Length - merges.Count).Select(right => (prefix, right)));
        }

        json.WriteStartObject("model");
        json.WriteString("type", "BPE");
        json.WriteStartObject("vocab");
        var id = 0;
        foreach (var token in bytes.Concat(merges.Select(merge => merge.Left + merge.Right)))
            json.WriteNumber(token, id++);
        json.WriteEndObject();
        json.WriteStartArray("merges");
        foreach (var (left, right) in merges)
            json.WriteStringValue($"{left} {right}");
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
