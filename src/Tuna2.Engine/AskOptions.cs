using Tuna2.Engine.Models;

namespace Tuna2.Engine;

/// <summary>How an answer is made.</summary>
public sealed record AskOptions
{
    /// <summary>Columns the picture is brought to, a multiple of 16 up to 4096; null for the model's default.</summary>
    public int? Width { get; init; }

    /// <summary>Rows the picture is brought to, a multiple of 16 up to 4096; null for the model's default.</summary>
    public int? Height { get; init; }

    /// <summary>The longest answer, in tokens: 1 to <see cref="TunaSession.MaxChatTokens"/>, less what the question takes.</summary>
    public int MaxTokens { get; init; } = 512;

    /// <summary>0, the default, always takes the likeliest token; higher is more varied.</summary>
    public float Temperature { get; init; }

    /// <summary>Draws among the k likeliest tokens; 0 for all.</summary>
    public int TopK { get; init; }

    /// <summary>Draws among the likeliest tokens that together reach this probability, above 0; 1 for all.</summary>
    public float TopP { get; init; } = 1;

    /// <summary>Seed of the draws; the same seed gives the same answer.</summary>
    public long Seed { get; init; } = 42;

    /// <summary>The system prompt; null for Qwen's.</summary>
    public string? System { get; init; }

    /// <summary>Checks the options against a model's config, as every request does: for telling before the model is loaded.</summary>
    /// <exception cref="RequestException">A value is out of range; the message names it.</exception>
    public void Validate(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        _ = AskRequest.Check(this, config);
    }
}
