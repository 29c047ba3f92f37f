using System.Text;

namespace Tuna2.Engine.Text;

/// <summary>
/// Turns ids into text as they come. A piece holds only whole characters: the bytes of one that further tokens may complete
/// wait. All pieces together are what <see cref="Tokenizer.Decode"/> gives for all ids without special tokens. Not for
/// several threads at once.
/// </summary>
public sealed class StreamingDecoder
{
    readonly Tokenizer _tokenizer;
    readonly Decoder _utf8 = Encoding.UTF8.GetDecoder();

    /// <summary>A decoder at the start of a text.</summary>
    public StreamingDecoder(Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        _tokenizer = tokenizer;
    }

    /// <summary>Takes the next id and returns the text it makes certain, often none. Special tokens give none.</summary>
    public string Push(int id) => Decode(_tokenizer.TokenBytes(id, skipSpecialTokens: true), flush: false);

    /// <summary>Ends the text: U+FFFD where it stopped inside a character, else nothing. The decoder can then start another.</summary>
    public string Flush() => Decode([], flush: true);

    string Decode(ReadOnlySpan<byte> bytes, bool flush)
    {
        var chars = new char[_utf8.GetCharCount(bytes, flush)];
        return new(chars, 0, _utf8.GetChars(bytes, chars, flush));
    }
}
