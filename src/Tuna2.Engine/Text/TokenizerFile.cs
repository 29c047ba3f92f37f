using System.Text.Json;

namespace Tuna2.Engine.Text;

/// <summary>
/// What a Hugging Face tokenizer.json says, checked: byte-level BPE with the Qwen split. Anything else that would change
/// an id is refused rather than read past.
/// </summary>
sealed class TokenizerFile
{
    /// <summary>Far above any vocabulary; a damaged id must not size an array.</summary>
    const int MaximumId = (1 << 20) - 1;

    readonly string _path;

    /// <summary>The ordinary tokens, in the byte alphabet, with their ids.</summary>
    public Dictionary<string, int> Vocabulary { get; } = [];

    /// <summary>The merges, "left right", best first.</summary>
    public List<string> Merges { get; } = [];

    /// <summary>The added tokens, in the file's order.</summary>
    public List<AddedToken> AddedTokens { get; } = [];

    /// <summary>Whether text is brought to Unicode form C first.</summary>
    public bool Normalizes { get; private set; }

    TokenizerFile(string path) => _path = path;

    /// <summary>Reads and checks what is not in a file; <paramref name="name"/> is for messages.</summary>
    public static TokenizerFile Read(Stream stream, string name)
    {
        var file = new TokenizerFile(name);
        using var json = JsonDocument.Parse(stream);
        file.Read(json.RootElement);
        return file;
    }

    /// <summary>Reads and checks <paramref name="path"/>.</summary>
    /// <exception cref="ModelException">The file is missing, damaged or of a tokenizer that is not Qwen's.</exception>
    public static TokenizerFile Read(string path)
    {
        try
        {
            using var stream = File.OpenRead(path);
            return Read(stream, path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ModelException($"{path}: no such tokenizer file", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{path}: cannot be read: {OneLine(e.Message)}", e);
        }
        // InvalidOperationException: a string with half a surrogate pair, which JSON can escape and UTF-8 cannot write.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new ModelException($"{path}: not a tokenizer.json: {OneLine(e.Message)}", e);
        }
    }

    void Read(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object)
            throw Bad("not a tokenizer.json: the file holds no object");
        ReadNormalizer(Optional(root, "normalizer"));
        CheckPreTokenizer(Optional(root, "pre_tokenizer"));
        if (Optional(root, "decoder") is { } decoder && Type(decoder) != "ByteLevel")
            throw Bad($"decoder \"{Type(decoder)}\" is not supported, only ByteLevel");
        var model = Required(root, "model", JsonValueKind.Object);
        CheckModel(model);
        ReadVocabulary(Required(model, "vocab", JsonValueKind.Object));
        ReadMerges(Required(model, "merges", JsonValueKind.Array));
        if (Optional(root, "added_tokens") is { } added)
            ReadAddedTokens(added);
    }

    void ReadNormalizer(JsonElement? normalizer)
    {
        if (normalizer is { } value && Type(value) != "NFC")
            throw Bad($"normalizer \"{Type(value)}\" is not supported, only NFC or none");
        Normalizes = normalizer is not null;
    }

    /// <summary>Expects what every Qwen2 file has: the split pattern, then ByteLevel without a pattern of its own.</summary>
    void CheckPreTokenizer(JsonElement? preTokenizer)
    {
        if (preTokenizer is not { } value)
            throw Bad("no pre_tokenizer: not a Qwen2 tokenizer");
        JsonElement[] steps = Type(value) == "Sequence"
            ? [.. Required(value, "pretokenizers", JsonValueKind.Array).EnumerateArray()]
            : [value];
        if (steps.Length != 2 || Type(steps[0]) != "Split" || Type(steps[1]) != "ByteLevel")
            throw Bad($"pre_tokenizer \"{string.Join(", ", steps.Select(Type))}\" is not supported, only \"Split, ByteLevel\"");

        var pattern = Text(Required(steps[0], "pattern", JsonValueKind.Object), "Regex");
        if (pattern != QwenPreTokenizer.Pattern)
            throw Bad($"split pattern \"{OneLine(pattern ?? "(not a regular expression)")}\" is not supported, only Qwen2's");
        if (Text(steps[0], "behavior") != "Isolated" || Flag(steps[0], "invert"))
            throw Bad("only a split of behavior \"Isolated\" that is not inverted is supported");
        if (Flag(steps[1], "add_prefix_space") || Flag(steps[1], "use_regex", absent: true))
            throw Bad("ByteLevel with add_prefix_space or use_regex is not supported");
    }

    void CheckModel(JsonElement model)
    {
        // Old files leave the type out.
        if (Text(model, "type") is { } type && type != "BPE")
            throw Bad($"model \"{OneLine(type)}\" is not supported, only BPE");
        foreach (var name in new[] { "byte_fallback", "ignore_merges" })
            if (Flag(model, name))
                throw Bad($"model.{name} is not supported");
        foreach (var name in new[] { "continuing_subword_prefix", "end_of_word_suffix" })
            if (!string.IsNullOrEmpty(Text(model, name)))
                throw Bad($"model.{name} is not supported");
        if (Optional(model, "dropout") is { } dropout && !(dropout.ValueKind == JsonValueKind.Number && dropout.GetDouble() == 0))
            throw Bad("model.dropout is not supported");
    }

    void ReadVocabulary(JsonElement vocabulary)
    {
        foreach (var entry in vocabulary.EnumerateObject())
            if (!Vocabulary.TryAdd(entry.Name, Id(entry.Value, entry.Name)))
                throw Bad($"model.vocab has \"{OneLine(entry.Name)}\" twice");
        for (var value = 0; value < 256; value++)
            if (!Vocabulary.ContainsKey(ByteAlphabet.Letter((byte)value).ToString()))
                throw Bad($"model.vocab lacks the token of byte {value}: not a byte-level vocabulary");
        foreach (var token in Vocabulary.Keys)
            if (token.Length == 0 || ByteAlphabet.Bytes(token) is null)
                throw Bad($"model.vocab has \"{OneLine(token)}\", which is not byte-level");
    }

    void ReadMerges(JsonElement merges)
    {
        foreach (var entry in merges.EnumerateArray())
        {
            // Written "left right", or since 2024 as a pair. No byte-level token has a space.
            var parts = entry.ValueKind switch
            {
                JsonValueKind.String => entry.GetString()!.Split(' '),
                JsonValueKind.Array when entry.EnumerateArray().All(part => part.ValueKind == JsonValueKind.String)
                    => [.. entry.EnumerateArray().Select(part => part.GetString()!)],
                _ => [],
            };
            if (parts.Length != 2 || !parts.All(Vocabulary.ContainsKey) || !Vocabulary.ContainsKey(parts[0] + parts[1]))
                throw Bad($"model.merges[{Merges.Count}] is not a pair of tokens that make a token");
            Merges.Add($"{parts[0]} {parts[1]}");
        }
    }

    void ReadAddedTokens(JsonElement added)
    {
        if (added.ValueKind != JsonValueKind.Array)
            throw Bad("added_tokens is not an array");
        foreach (var entry in added.EnumerateArray())
        {
            if (entry.ValueKind != JsonValueKind.Object || Text(entry, "content") is not { Length: > 0 } content)
                throw Bad($"added_tokens[{AddedTokens.Count}] has no content");
            foreach (var name in new[] { "lstrip", "rstrip", "single_word" })
                if (Flag(entry, name))
                    throw Bad($"added token \"{OneLine(content)}\" has {name}, which is not supported");
            var special = Flag(entry, "special");
            var id = Id(Required(entry, "id", JsonValueKind.Number), content);
            AddedTokens.Add(new(content, id, special, Flag(entry, "normalized", absent: !special)));
        }
    }

    int Id(JsonElement value, string token) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var id) && id is >= 0 and <= MaximumId
            ? id
            : throw Bad($"token \"{OneLine(token)}\" has id {OneLine(value.GetRawText())}, expected 0 to {MaximumId}");

    JsonElement Required(JsonElement parent, string name, JsonValueKind kind) =>
        Optional(parent, name) is { } value && value.ValueKind == kind
            ? value
            : throw Bad($"{name} is missing or not of the kind {kind}");

    static JsonElement? Optional(JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null
            ? value
            : null;

    static string? Text(JsonElement parent, string name) =>
        Optional(parent, name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    bool Flag(JsonElement parent, string name, bool absent = false) => Optional(parent, name)?.ValueKind switch
    {
        null => absent,
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Bad($"{name} is neither true nor false"),
    };

    static string Type(JsonElement step) => OneLine(Text(step, "type") ?? "(no type)");

    ModelException Bad(string what) => new($"{_path}: {what}");

    /// <summary>Foreign text fit for a one-line message.</summary>
    static string OneLine(string text)
    {
        var line = string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c));
        return line.Length <= 160 ? line : line[..157] + "...";
    }
}
