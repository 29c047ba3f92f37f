using System.Text;

namespace Tuna2.Engine.Tests.Text;

/// <summary>Seeded random text made of what tokenizers get wrong.</summary>
sealed class FuzzText(int seed)
{
    static readonly string[] s_pieces =
    [
        "the", "cat", "Photo", "of", "internationalization", "xyzzy", "a", "I", "naïve", "Straße", "ſ", "K", "ﬁ", "İ", "ı",
        "'s", "'S", "'ſ", "'t", "'T", "'re", "'RE", "'rE", "'ve", "'Ve", "'m", "'M", "'ll", "'LL", "'lL", "'l", "'d",
        "'D", "'", "''", "’s",
        " ", "  ", "   ", "\t", "\n", "\r", "\r\n", "\n\n", " \n", "\n ", "\r\n\r\n ", "\u00a0", "\u0085", "\u2028",
        "\u3000", "\u200b", "\u180e", "\v", "\f",
        "0", "7", "42", "1234567890", "3.14", "½", "Ⅷ", "²", "٣", "𝟙", "𝟚𝟛", "𐄇",
        "𠀀", "𠮷", "𝒳", "𐐨", "𝔘𝔫𝔦", "中文", "日本語", "한국어", "העברית", "العربية", "हिन्दी", "ไทย",
        "e\u0301", "a\u0323\u0302", "\u0301", "\u0300\u0316", "\u1100\u1161\u11a8", "Å", "\u212b", "q\u0307\u0323",
        "𑄱\u0001", "\U0001109a\U000110ba", "≯", ">\u0338",
        "😀", "👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇺🇸", "\u200d", "\ufe0f",
        "!", "?!", "...", "---", "#", "##", "# #", "(", ")", "{\"", "\":", "://", "<", ">", "|", "_", "\\n", "$", "€",
        "\0", "\u0007", "\ufffd", "\uffff", "\ue000", "\U0010ffff",
        "\ud83d", "\ude00", "\ud800",
        "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|image_pad|>", "<image>", "[PAD]", "<|vid_start|>",
        "<tool_call>", "<|endoftext|>", "<|im_start", "<|im_<|im_end|>", "<ima", "<image>\u0338", "<|im_end|>\u0338",
    ];

    readonly Random _random = new(seed);

    /// <summary>Up to 24 pieces, some of them any code point at all.</summary>
    public string Next()
    {
        var text = new StringBuilder();
        for (var left = _random.Next(24); left >= 0; left--)
            switch (_random.Next(12))
            {
                case 0:
                    text.Append(Rune.TryCreate(_random.Next(0x110000), out var any) ? any.ToString() : "\udfff");
                    break;
                case 1:
                    text.Append((char)_random.Next(0x20, 0x7f));
                    break;
                case 2:
                    text.Append((char)_random.Next(0x80, 0x600));
                    break;
                case 3:
                    text.Append(' ').Append(s_pieces[_random.Next(s_pieces.Length)]);
                    break;
                default:
                    text.Append(s_pieces[_random.Next(s_pieces.Length)]);
                    break;
            }
        return text.ToString();
    }
}
