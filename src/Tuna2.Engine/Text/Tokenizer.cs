using System.Collections;
using System.Text;
using Microsoft.ML.Tokenizers;

namespace Tuna2.Engine.Text;

/// <summary>
/// Text to token ids and back, as the tokenizer.json beside a model says: Qwen2.5's byte-level BPE with the tokens Tuna-2
/// adds. The ids are those of Hugging Face's tokenizers without special tokens of their own. Safe for use by several threads.
/// </summary>
public sealed class Tokenizer
{
    readonly Dictionary<string, int> _ids;
    readonly string?[] _texts;
    readonly byte[]?[] _bytes;
    readonly BitArray _special;
    readonly BpeTokenizer _merger;
    readonly Lazy<LongWordMerger> _longWords;
    readonly NfcNormalizer? _normalizer;
    readonly AddedTokenSplitter _verbatim;
    readonly AddedTokenSplitter _normalized;

    Tokenizer(TokenizerFile file, string path, bool canNormalize)
    {
        _ids = new(file.Vocabulary, StringComparer.Ordinal);
        var size = 1 + _ids.Values.Concat(file.AddedTokens.Select(token => token.Id)).Max();
        _texts = new string[size];
        _bytes = new byte[size][];
        _special = new(size);

        foreach (var (token, id) in file.Vocabulary)
            Enter(token, id, ByteAlphabet.Bytes(token)!);
        foreach (var token in file.AddedTokens)
        {
            if (_ids.TryAdd(token.Content, token.Id))
                Enter(token.Content, token.Id, Encoding.UTF8.GetBytes(token.Content));
            else if (_ids[token.Content] != token.Id)
                throw new ModelException($"{path}: token \"{token.Content}\" has two ids, {_ids[token.Content]} and {token.Id}");
            _special[token.Id] = token.Special;
        }

        _merger = BpeTokenizer.Create(new BpeOptions(file.Vocabulary)
        {
            Merges = file.Merges,
            ByteLevel = true,
        });
        _longWords = new(() => new LongWordMerger(file));
        _normalizer = file.Normalizes ? new(canNormalize) : null;
        _verbatim = new(file.AddedTokens.Where(token => !token.Normalized));
        _normalized = new(file.AddedTokens.Where(token => token.Normalized));

        void Enter(string token, int id, byte[] bytes)
        {
            if (_texts[id] is { } other)
                throw new ModelException($"{path}: tokens \"{other}\" and \"{token}\" share the id {id}");
            _texts[id] = token;
            _bytes[id] = bytes;
        }
    }

    /// <summary>One more than the highest id: the rows an embedding table needs.</summary>
    public int VocabularySize => _texts.Length;

    /// <summary>
    /// Whether this process can normalise Unicode. Where it cannot (System.Globalization.Invariant, or no ICU), text beyond Latin is
    /// refused.
    /// </summary>
    public static bool CanNormalize => NfcNormalizer.Available;

    /// <summary>
    /// Reads a Hugging Face tokenizer.json of the Qwen2 kind. Where it lacks the tokens Tuna-2 adds (<c>[PAD]</c>,
    /// <c>&lt;image&gt;</c>, <c>&lt;|vid_start|&gt;</c>, <c>&lt;|vid_end|&gt;</c>), they follow the last id in this order, as
    /// in the official loader, so that a stock Qwen2.5 file serves.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="addTunaTokens">False takes the file as it is.</param>
    /// <exception cref="ModelException">The file is missing, damaged, or of a tokenizer this class would get wrong.</exception>
    public static Tokenizer Load(string path, bool addTunaTokens = true) => Load(path, addTunaTokens, NfcNormalizer.Available);

    /// <summary>A stand-in of so many tokens, for models nobody trained.</summary>
    internal static Tokenizer StandIn(int size)
    {
        const string Name = "stand-in";
        var file = TokenizerFile.Read(new MemoryStream(StandInTokenizer.Json(size)), Name);
        TunaTokens.AddMissing(file);
        return new(file, Name, NfcNormalizer.Available);
    }

    /// <summary>As <see cref="Load(string, bool)"/>, in a process said to have Unicode normalisation or not.</summary>
    internal static Tokenizer Load(string path, bool addTunaTokens, bool canNormalize)
    {
        ArgumentNullException.ThrowIfNull(path);
        var file = TokenizerFile.Read(path);
        if (addTunaTokens)
            TunaTokens.AddMissing(file);
        return new(file, path, canNormalize);
    }

    /// <summary>
    /// The ids of <paramref name="text"/>. Added tokens written in it become their ids; half a surrogate pair counts as U+FFFD.
    /// </summary>
    /// <exception cref="RequestException">The text needs Unicode normalisation and this process has none.</exception>
    public int[] Encode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = new List<int>();
        foreach (var (piece, added) in _verbatim.Split(WellFormed(text)))
            if (added is { } id)
                ids.Add(id);
            else
                foreach (var (inner, normalized) in _normalized.Split(Normalize(piece)))
                    if (normalized is { } other)
                        ids.Add(other);
                    else
                        Merge(inner, ids);
        return [.. ids];
    }

    /// <summary>
    /// The ids of <paramref name="text"/> as plain text: an added token written in it is spelled out, like any other words, so
    /// that whoever wrote the text cannot end a turn or place a picture. Text without added tokens has the ids of
    /// <see cref="Encode"/>.
    /// </summary>
    /// <exception cref="RequestException">The text needs Unicode normalisation and this process has none.</exception>
    public int[] EncodePlain(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = new List<int>();
        Merge(Normalize(WellFormed(text)), ids);
        return [.. ids];
    }

    /// <summary>
    /// The text of <paramref name="ids"/>. Bytes that are no UTF-8 become U+FFFD; an id without a token (a model's rows may
    /// outnumber its tokens) gives nothing.
    /// </summary>
    /// <param name="ids">The ids.</param>
    /// <param name="skipSpecialTokens">Leaves out tokens the file marks special, such as <c>&lt;|im_end|&gt;</c>.</param>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = false) =>
        Encoding.UTF8.GetString(DecodeBytes(ids, skipSpecialTokens));

    /// <summary>As <see cref="Decode"/>, as the bytes the ids stand for: UTF-8 that may begin or end inside a character.</summary>
    public byte[] DecodeBytes(ReadOnlySpan<int> ids, bool skipSpecialTokens = false)
    {
        using var bytes = new MemoryStream();
        foreach (var id in ids)
            bytes.Write(TokenBytes(id, skipSpecialTokens));
        return bytes.ToArray();
    }

    /// <summary>The id of a token written as the file writes it (<c>Ġcat</c>, <c>&lt;|im_end|&gt;</c>), or null.</summary>
    public int? IdOf(string token) => _ids.TryGetValue(token, out var id) ? id : null;

    /// <summary>The token of an id as the file writes it; the inverse of <see cref="IdOf"/>. Use <see cref="Decode"/> to show it.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No token has this id.</exception>
    public string TokenText(int id) =>
        (uint)id < (uint)_texts.Length && _texts[id] is { } text
            ? text
            : throw new ArgumentOutOfRangeException(nameof(id), id, "no token has this id");

    /// <summary>The bytes of one token; none for an id without a token.</summary>
    internal ReadOnlySpan<byte> TokenBytes(int id, bool skipSpecialTokens) =>
        (uint)id < (uint)_bytes.Length && !(skipSpecialTokens && _special[id]) ? _bytes[id] : default;

    string Normalize(string text) => _normalizer?.Apply(text) ?? text;

    /// <summary>Text without added tokens, word by word.</summary>
    void Merge(string text, List<int> ids)
    {
        foreach (var (offset, length) in QwenPreTokenizer.Words(text))
            if (length > LongWordMerger.MinLength)
                _longWords.Value.Merge(text.AsSpan(offset, length), ids);
            else
                ids.AddRange(_merger.EncodeToIds(text.AsSpan(offset, length), considerPreTokenization: false, considerNormalization: false));
    }

    /// <summary>Normalisation throws on half a surrogate pair; UTF-8 writes U+FFFD for it, and so does this.</summary>
    static string WellFormed(string text) =>
        text.AsSpan().ContainsAnyInRange('\ud800', '\udfff') ? Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)) : text;
}
