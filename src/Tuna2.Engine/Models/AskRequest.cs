using System.Globalization;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Imaging;
using Tuna2.Engine.Sampling;
using Tuna2.Engine.Text;

namespace Tuna2.Engine.Models;

/// <summary>A question, tokenized and checked.</summary>
internal sealed record AskRequest(PromptLayout Prompt, int Width, int Height, AskOptions Options)
{
    /// <summary>Fills in and checks.</summary>
    /// <exception cref="RequestException">The question is empty or too long, or an option is out of range.</exception>
    public static AskRequest Of(bool hasPicture, string question, AskOptions options, TunaModel model)
    {
        if (string.IsNullOrWhiteSpace(question))
            throw new RequestException("the question is empty");
        var (width, height) = Check(options, model.Config);
        Grid? grid = hasPicture ? new Grid(1, height / model.Config.PatchSize, width / model.Config.PatchSize) : null;
        var chat = model.Tokenizer.Encode(ChatTemplate.Format(
        [
            new ChatMessage(ChatRole.System, options.System ?? ChatTemplate.DefaultSystemPrompt),
            new ChatMessage(ChatRole.User, hasPicture ? "<image>\n" + question : question),
        ]));
        var prompt = PromptLayout.Chat(model.Tokens, chat, grid);
        CheckLength(prompt, options);
        return new(prompt, width, height, options);
    }

    /// <summary>Checks that prompt and answer are not longer than a chat can be.</summary>
    /// <exception cref="RequestException">They are.</exception>
    public static void CheckLength(PromptLayout prompt, AskOptions options)
    {
        if (prompt.Tokens.Count > TunaSession.MaxChatTokens - options.MaxTokens)
            throw new RequestException($"the question has {prompt.Tokens.Count} tokens with its picture; {TunaSession.MaxChatTokens} are the most, {options.MaxTokens} of them for the answer");
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
        return ImageRequest.Size(options.Width, options.Height, config);
    }

    /// <summary>Answers; <paramref name="say"/> is given pieces of whole characters. Returns the number of tokens.</summary>
    public int Run(TunaModel model, RgbImage? picture, Action<string> say, CancellationToken cancellation)
    {
        using var decoder = new TextDecoder(model.Network, model.Backend, Prompt, Height, Width, Options.MaxTokens);
        var pixels = picture is null ? [] : PixelTensor.FromImage(CoverCrop.Apply(picture, Width, Height));
        var sampler = new TokenSampler(Options.Temperature, Options.TopK, Options.TopP, Options.Seed);
        var text = new StreamingDecoder(model.Tokenizer);
        var logits = decoder.Prefill(pixels, cancellation);
        var count = 0;
        for (var token = sampler.Pick(logits); token != model.Tokens.Eos; token = sampler.Pick(decoder.Next(token, cancellation)))
        {
            Say(text.Push(token));
            if (++count == Options.MaxTokens)
                break;
        }
        Say(text.Flush());
        return count;

        void Say(string piece)
        {
            if (piece.Length > 0)
                say(piece);
        }
    }
}
