namespace Tuna2.Engine.Text;

/// <summary>The ids of the tokens that give Tuna-2's sequences their structure.</summary>
/// <param name="Bos">Starts a sequence and a chat turn: <c>&lt;|im_start|&gt;</c>.</param>
/// <param name="Eos">Ends them: <c>&lt;|im_end|&gt;</c>.</param>
/// <param name="Boi">Before a picture's or a clip's span: <c>&lt;|vision_start|&gt;</c>.</param>
/// <param name="Eoi">After it: <c>&lt;|vision_end|&gt;</c>.</param>
/// <param name="ImagePad">Holds the place of the time token and of each patch: <c>&lt;|image_pad|&gt;</c>.</param>
/// <param name="Pad">Padding, and the place of a reconstruction's source: <c>[PAD]</c>.</param>
/// <param name="Image">Where a chat text wants its picture: <c>&lt;image&gt;</c>.</param>
/// <param name="VidStart">Start of a video, unused by the published models: <c>&lt;|vid_start|&gt;</c>.</param>
/// <param name="VidEnd">End of a video, likewise: <c>&lt;|vid_end|&gt;</c>.</param>
public sealed record TunaTokens(int Bos, int Eos, int Boi, int Eoi, int ImagePad, int Pad, int Image, int VidStart, int VidEnd)
{
    /// <summary>
    /// What the official loader adds to Qwen2.5's tokens, in its order. Only the first is special there, so a decoded
    /// answer shows the others.
    /// </summary>
    internal static IReadOnlyList<(string Content, bool Special)> Additions { get; } =
        [("[PAD]", true), ("<image>", false), ("<|vid_start|>", false), ("<|vid_end|>", false)];

    /// <summary>Finds the tokens' ids.</summary>
    /// <exception cref="ModelException">The tokenizer lacks some of them; the message lists them.</exception>
    public static TunaTokens Of(Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        var missing = new List<string>();
        var tokens = new TunaTokens(
            Bos: Find("<|im_start|>"),
            Eos: Find("<|im_end|>"),
            Boi: Find("<|vision_start|>"),
            Eoi: Find("<|vision_end|>"),
            ImagePad: Find("<|image_pad|>"),
            Pad: Find("[PAD]"),
            Image: Find("<image>"),
            VidStart: Find("<|vid_start|>"),
            VidEnd: Find("<|vid_end|>"));
        return missing.Count == 0 ? tokens : throw new ModelException($"the tokenizer lacks {string.Join(", ", missing)}");

        int Find(string token)
        {
            if (tokenizer.IdOf(token) is { } id)
                return id;
            missing.Add(token);
            return -1;
        }
    }

    /// <summary>Appends the tokens that <paramref name="file"/> lacks, after its last id.</summary>
    internal static void AddMissing(TokenizerFile file)
    {
        var next = 1 + file.Vocabulary.Values.Concat(file.AddedTokens.Select(token => token.Id)).Max();
        foreach (var (content, special) in Additions)
        {
            if (file.AddedTokens.Exists(token => token.Content == content))
                continue;
            var id = file.Vocabulary.TryGetValue(content, out var own) ? own : next++;
            file.AddedTokens.Add(new(content, id, special, Normalized: !special));
        }
    }
}
