namespace Tuna2.Engine.Text;

/// <summary>
/// The printable alphabet in which byte-level BPE vocabularies write bytes (GPT-2's): printable Latin-1 bytes stand for
/// themselves, the 68 others take U+0100 onwards in byte order, so that a space is written 'Ġ' and a newline 'Ċ'.
/// </summary>
static class ByteAlphabet
{
    static readonly char[] s_letters = CreateLetters();
    static readonly Dictionary<char, byte> s_bytes = s_letters.Index().ToDictionary(pair => pair.Item, pair => (byte)pair.Index);

    /// <summary>The letter that writes <paramref name="value"/>.</summary>
    public static char Letter(byte value) => s_letters[value];

    /// <summary>The bytes a vocabulary entry stands for, or null where a letter is not of the alphabet.</summary>
    public static byte[]? Bytes(string token)
    {
        var bytes = new byte[token.Length];
        for (var i = 0; i < bytes.Length; i++)
            if (!s_bytes.TryGetValue(token[i], out bytes[i]))
                return null;
        return bytes;
    }

    static char[] CreateLetters()
    {
        var letters = new char[256];
        var next = '\u0100';
        for (var value = 0; value < letters.Length; value++)
            letters[value] = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xFF and not 0xAD) ? (char)value : next++;
        return letters;
    }
}
