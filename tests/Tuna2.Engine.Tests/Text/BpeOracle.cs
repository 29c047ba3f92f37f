using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Tuna2.Engine.Tests.Text;

/// <summary>
/// A second tokenizer, written to be checked by eye rather than to be fast, that shares no code with the engine's: added
/// tokens by trying every position, the split by .NET's regular expressions over one stand-in character per code point, and
/// merging by replacing, over and over, the leftmost occurrence of the best pair.
/// </summary>
sealed class BpeOracle
{
    readonly Dictionary<string, int> _vocabulary = [];
    readonly Dictionary<(string, string), int> _ranks = [];
    readonly List<(string Content, int Id, bool Normalized)> _added = [];
    readonly Regex _split;
    readonly string[] _letters = new string[256];

    public BpeOracle(byte[] file)
    {
        using var json = JsonDocument.Parse(file);
        var model = json.RootElement.GetProperty("model");
        foreach (var token in model.GetProperty("vocab").EnumerateObject())
            _vocabulary.Add(token.Name, token.Value.GetInt32());
        foreach (var merge in model.GetProperty("merges").EnumerateArray())
        {
            var parts = merge.GetString()!.Split(' ');
            _ranks.Add((parts[0], parts[1]), _ranks.Count);
        }
        foreach (var token in json.RootElement.GetProperty("added_tokens").EnumerateArray())
            _added.Add((token.GetProperty("content").GetString()!, token.GetProperty("id").GetInt32(), false));
        var next = _added.Max(token => token.Id) + 1;
        foreach (var content in new[] { "[PAD]", "<image>", "<|vid_start|>", "<|vid_end|>" })
            if (!_added.Any(token => token.Content == content))
                _added.Add((content, next++, content != "[PAD]"));

        var pattern = json.RootElement.GetProperty("pre_tokenizer").GetProperty("pretokenizers")[0].GetProperty("pattern")
            .GetProperty("Regex").GetString()!;
        // .NET's case-insensitivity does not fold the long s, Unicode's does.
        _split = new Regex(pattern.Replace("(?i:'s|", "(?i:'[sſ]|", StringComparison.Ordinal));

        var printable = Enumerable.Range(33, 94).Concat(Enumerable.Range(161, 12)).Concat(Enumerable.Range(174, 82)).ToArray();
        for (int value = 0, other = 256; value < 256; value++)
            _letters[value] = ((char)(printable.Contains(value) ? value : other++)).ToString();
    }

    public int[] Encode(string text)
    {
        var ids = new List<int>();
        var wellFormed = string.Concat(text.EnumerateRunes());
        Cut(wellFormed, normalized: false, ids, rest =>
            Cut(rest.Normalize(NormalizationForm.FormC), normalized: true, ids, plain =>
            {
                foreach (var word in Words(plain))
                    ids.AddRange(Merge(word));
            }));
        return [.. ids];
    }

    void Cut(string text, bool normalized, List<int> ids, Action<string> plain)
    {
        var pending = new StringBuilder();
        for (var i = 0; i < text.Length;)
        {
            var here = _added
                .Where(token => token.Normalized == normalized)
                .Where(token => string.CompareOrdinal(text, i, token.Content, 0, token.Content.Length) == 0)
                .OrderByDescending(token => token.Content.Length).FirstOrDefault();
            if (here.Content is null)
            {
                pending.Append(text[i++]);
                continue;
            }
            plain(pending.ToString());
            pending.Clear();
            ids.Add(here.Id);
            i += here.Content.Length;
        }
        plain(pending.ToString());
    }

    IEnumerable<string> Words(string text)
    {
        var runes = text.EnumerateRunes().ToArray();
        var standIns = string.Concat(runes.Select(StandIn));
        var end = 0;
        foreach (Match match in _split.Matches(standIns))
        {
            if (match.Index != end)
                throw new InvalidOperationException("the pattern left something out");
            end = match.Index + match.Length;
            yield return string.Concat(runes[match.Index..end]);
        }
        if (end != standIns.Length)
            throw new InvalidOperationException("the pattern left something out");
    }

    /// <summary>A code point's own character, or beyond U+FFFF one of the same class.</summary>
    static char StandIn(Rune rune) => rune.IsBmp ? (char)rune.Value : Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
            or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => '語',
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => '½',
        _ => '☃',
    };

    List<int> Merge(string word)
    {
        var parts = Encoding.UTF8.GetBytes(word).Select(value => _letters[value]).ToList();
        while (true)
        {
            var best = -1;
            var bestRank = int.MaxValue;
            for (var i = 0; i + 1 < parts.Count; i++)
                if (_ranks.TryGetValue((parts[i], parts[i + 1]), out var rank) && rank < bestRank)
                    (best, bestRank) = (i, rank);
            if (best < 0)
                return parts.ConvertAll(part => _vocabulary[part]);
            parts[best] += parts[best + 1];
            parts.RemoveAt(best + 1);
        }
    }
}
