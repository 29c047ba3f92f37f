using Tuna2.Engine.Models;

namespace Tuna2.Engine;

/// <summary>
/// How an answer is made. A token is drawn from the softmax of logits / <see cref="Temperature"/>, after <see cref="TopK"/> and
/// then <see cref="TopP"/> have taken unlikely ones away (the order of the official mmu_generate).
/// </summary>
public sealed record AskOptions
{
    /// <summary>Columns the pictures are brought to, a multiple of 16 up to 4096; null for the model's default.</summary>
    public int? Width { get; init; }

    /// <summary>Rows the pictures are brought to, a multiple of 16 up to 4096; null for the model's default.</summary>
    public int? Height { get; init; }

    /// <summary>
    /// Has the VAE of variant <c>tuna</c> take what is asked about in square tiles of so many pixels a side, a multiple of 16 from 64 to 4096,
    /// joined by blended seams: its memory is then a tile's, whatever the size. Null, the default, for whole, as it was trained.
    /// A tile smaller than that changes a little what the model sees.
    /// </summary>
    public int? VaeTile { get; init; }

    /// <summary>The longest answer, in tokens: 1 to <see cref="TunaSession.MaxChatTokens"/>, less what the conversation takes.</summary>
    public int MaxTokens { get; init; } = 512;

    /// <summary>0, the default, always takes the likeliest token, the lowest id of equals; 1 draws as the model believes; higher is more varied.</summary>
    public float Temperature { get; init; }

    /// <summary>Draws among the k likeliest tokens, and those as likely as the last of them; 0 for all.</summary>
    public int TopK { get; init; }

    /// <summary>Draws among the likeliest tokens that together reach this probability, above 0, the one that reaches it included; 1 for all.</summary>
    public float TopP { get; init; } = 1;

    /// <summary>Seed of the draws; the same seed gives the same answer, and the same conversation: a later turn goes on where the draws before ended.</summary>
    public long Seed { get; init; } = 42;

    /// <summary>The system prompt, plain text; null for Qwen's. Of a whole conversation: a turn cannot change it.</summary>
    public string? System { get; init; }

    /// <summary>Checks the options against a model's config, as every request does: for telling before the model is loaded.</summary>
    /// <exception cref="RequestException">A value is out of range; the message names it.</exception>
    public void Validate(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        _ = AskRequest.Check(this, config);
    }
}
