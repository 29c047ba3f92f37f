using System.Globalization;
using System.Text;

namespace Tuna2.Engine.Text;

/// <summary>
/// Cuts text into the words that merging never crosses, as <see cref="Pattern"/> does, on code points. A .NET
/// <see cref="System.Text.RegularExpressions.Regex"/> works on UTF-16 units and takes letters and digits from U+10000 up
/// for neither, which gives other ids.
/// </summary>
static class QwenPreTokenizer
{
    /// <summary>The split pattern of Qwen2 and Qwen2.5, as their tokenizer.json writes it.</summary>
    public const string Pattern =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    enum Kind { End, Letter, Number, LineBreak, Space, Other }

    /// <summary>The words of <paramref name="text"/> in order: together they are all of it.</summary>
    public static IEnumerable<(int Offset, int Length)> Words(string text)
    {
        for (int start = 0, end; start < text.Length; start = end)
        {
            end = WordEnd(text, start);
            yield return (start, end - start);
        }
    }

    /// <summary>Where the word that starts at <paramref name="start"/> ends. The branches follow the pattern's alternatives.</summary>
    static int WordEnd(ReadOnlySpan<char> text, int start)
    {
        if (text[start] == '\'' && ContractionLength(text[(start + 1)..]) is > 0 and var contraction)
            return start + 1 + contraction;

        var first = KindAt(text, start, out var length);
        var second = start + length;
        if (first == Kind.Number)
            return second;
        if (first == Kind.Letter || (first != Kind.LineBreak && KindAt(text, second, out _) == Kind.Letter))
            return SkipAll(text, second, Kind.Letter);

        var symbols = text[start] == ' ' ? second : start;
        if (KindAt(text, symbols, out _) == Kind.Other)
            return SkipAll(text, SkipAll(text, symbols, Kind.Other), Kind.LineBreak);

        return BlankEnd(text, start);
    }

    /// <summary>The last three alternatives: blanks up to their last line break, or all but the one before a word.</summary>
    static int BlankEnd(ReadOnlySpan<char> text, int start)
    {
        var end = start;
        var lines = start;
        while (KindAt(text, end, out _) is (Kind.LineBreak or Kind.Space) and var kind)
        {
            end++; // every blank is one UTF-16 unit
            if (kind == Kind.LineBreak)
                lines = end;
        }
        if (lines > start)
            return lines;
        return end == text.Length || end == start + 1 ? end : end - 1;
    }

    /// <summary>
    /// The letters of a contraction after its apostrophe, 0 for none. Case folds as in Unicode, where 'ſ' (U+017F) is an s;
    /// no other letter outside ASCII folds to one of these.
    /// </summary>
    static int ContractionLength(ReadOnlySpan<char> text)
    {
        if (text.IsEmpty)
            return 0;
        var first = char.ToLowerInvariant(text[0]);
        if (first is 's' or 'ſ' or 't' or 'm' or 'd')
            return 1;
        if (text.Length < 2)
            return 0;
        return (first, char.ToLowerInvariant(text[1])) is ('r', 'e') or ('v', 'e') or ('l', 'l') ? 2 : 0;
    }

    static int SkipAll(ReadOnlySpan<char> text, int at, Kind kind)
    {
        while (KindAt(text, at, out var length) == kind)
            at += length;
        return at;
    }

    /// <summary>What stands at <paramref name="at"/>, and how many UTF-16 units it takes.</summary>
    static Kind KindAt(ReadOnlySpan<char> text, int at, out int length)
    {
        if (at == text.Length)
        {
            length = 0;
            return Kind.End;
        }
        Rune.DecodeFromUtf16(text[at..], out var rune, out length);
        if (rune.Value is '\r' or '\n')
            return Kind.LineBreak;
        if (Rune.IsWhiteSpace(rune))
            return Kind.Space;
        return Rune.GetUnicodeCategory(rune) switch
        {
            <= UnicodeCategory.OtherLetter => Kind.Letter,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Kind.Number,
            _ => Kind.Other,
        };
    }
}
