using System.Globalization;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Imaging;
using Tuna2.Engine.Text;

namespace Tuna2.Engine.Models;

/// <summary>A question, tokenized and checked.</summary>
/// <param name="Question">What is asked.</param>
/// <param name="Sights">What it is about: pictures, of one frame each, or a clip.</param>
/// <param name="Turn">Its tokens.</param>
/// <param name="Width">Columns the pictures are brought to.</param>
/// <param name="Height">Rows the pictures are brought to.</param>
/// <param name="Options">How to answer.</param>
internal sealed record AskRequest(string Question, IReadOnlyList<IReadOnlyList<RgbImage>> Sights, PromptLayout Turn, int Width, int Height, AskOptions Options)
{
    /// <summary>Fills in and checks.</summary>
    /// <exception cref="RequestException">The question is empty, or an option is out of range.</exception>
    public static AskRequest Of(string question, IReadOnlyList<RgbImage>? pictures, AskOptions options, TunaModel model)
    {
        ArgumentNullException.ThrowIfNull(question);
        RgbImage[] seen = [.. pictures ?? []];
        if (seen.Contains(null))
            throw new ArgumentNullException(nameof(pictures), "one of the pictures is null");
        return Of(question, [.. seen.Select(IReadOnlyList<RgbImage> (picture) => [picture])], 1, options, model);
    }

    /// <summary>As above, about a clip.</summary>
    /// <exception cref="RequestException">The model sees no clips, or the clip has not 1 and whole latent frames.</exception>
    public static AskRequest Of(string question, VideoClip clip, AskOptions options, TunaModel model)
    {
        ArgumentNullException.ThrowIfNull(question);
        if (model.Config.Vae is not { } vae)
            throw new RequestException($"variant {model.Config.Variant.Name()} sees pictures only: clips take a model of variant {ModelVariant.Tuna.Name()}");
        _ = vae.LatentFrames(clip.Frames.Count);
        return Of(question, [clip.Frames], clip.Frames.Count, options, model);
    }

    private static AskRequest Of(string question, IReadOnlyList<IReadOnlyList<RgbImage>> sights, int frames, AskOptions options, TunaModel model)
    {
        if (string.IsNullOrWhiteSpace(question))
            throw new RequestException("the question is empty");
        var (width, height) = Check(options, model.Config);
        var turn = new ChatWriter(model.Tokenizer, model.Tokens).Question(question, sights.Count, model.Config.GridOf(width, height, frames));
        return new(question, sights, turn, width, height, options);
    }

    /// <summary>Checks the options; the size is theirs or the model's.</summary>
    /// <exception cref="RequestException">A value is out of range; the message names it.</exception>
    public static (int Width, int Height) Check(AskOptions options, ModelConfig config)
    {
        if (options.MaxTokens is < 1 or >= TunaSession.MaxChatTokens)
            throw new RequestException($"the number of answer tokens must be 1 to {TunaSession.MaxChatTokens - 1}, not {options.MaxTokens}");
        if (!(options.Temperature >= 0 && float.IsFinite(options.Temperature)))
            throw new RequestException(string.Create(CultureInfo.InvariantCulture, $"temperature must be a number of 0 or more, not {options.Temperature}"));
        if (options.TopK < 0)
            throw new RequestException($"top-k must be 0 (all) or more, not {options.TopK}");
        if (!(options.TopP > 0 && options.TopP <= 1))
            throw new RequestException(string.Create(CultureInfo.InvariantCulture, $"top-p must be above 0 and at most 1, not {options.TopP}"));
        var (width, height) = ImageRequest.Size(options.Width, options.Height, config);
        _ = VaeTiles.Side(options.VaeTile, width, height, config);
        return (width, height);
    }

    /// <summary>Checks that question and answer fit behind <paramref name="before"/> tokens of a conversation.</summary>
    /// <exception cref="RequestException">They do not; the message has the counts.</exception>
    public void CheckLength(int before)
    {
        var count = before + Turn.Tokens.Count;
        if (count <= TunaSession.MaxChatTokens - Options.MaxTokens)
            return;
        var pictures = Sights.Count switch { 0 => "", 1 => Sights[0].Count > 1 ? " and its clip" : " and its picture", _ => $" and its {Sights.Count} pictures" };
        throw new RequestException($"with this question{pictures} the conversation has {count} tokens, {Turn.Tokens.Count} of them new; {TunaSession.MaxChatTokens} are the most, {Options.MaxTokens} of them for the answer");
    }

    /// <summary>What it is about as the model takes it: scaled to cover the size, cropped, encoded.</summary>
    public IReadOnlyList<float[]> Encode(TunaModel model, CancellationToken cancellation)
    {
        using var codec = PictureCodec.Of(model, Width, Height, Options.VaeTile);
        return [.. Sights.Select(frames => codec.Encode(frames, cancellation))];
    }
}
