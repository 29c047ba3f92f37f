using System.Buffers;

namespace Tuna2.Engine.Text;

/// <summary>Cuts text at added tokens: the leftmost one first and, of several that start there, the longest.</summary>
sealed class AddedTokenSplitter
{
    readonly AddedToken[] _longestFirst;
    readonly SearchValues<string> _any;

    public AddedTokenSplitter(IEnumerable<AddedToken> tokens)
    {
        _longestFirst = [.. tokens.OrderByDescending(token => token.Content.Length)];
        _any = SearchValues.Create([.. _longestFirst.Select(token => token.Content)], StringComparison.Ordinal);
    }

    /// <summary>The pieces of <paramref name="text"/> in order: an added token's id, or text between them (never empty).</summary>
    public IEnumerable<(string Text, int? Id)> Split(string text)
    {
        var start = 0;
        while (start < text.Length)
        {
            var found = text.AsSpan(start).IndexOfAny(_any);
            var end = found < 0 ? text.Length : start + found;
            if (end > start)
                yield return (start == 0 && end == text.Length ? text : text[start..end], null);
            if (found < 0)
                yield break;
            var token = _longestFirst.First(t => text.AsSpan(end).StartsWith(t.Content, StringComparison.Ordinal));
            yield return (token.Content, token.Id);
            start = end + token.Content.Length;
        }
    }
}
