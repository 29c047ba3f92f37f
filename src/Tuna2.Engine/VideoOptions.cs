using Tuna2.Engine.Models;

namespace Tuna2.Engine;

/// <summary>How a clip is made. What is null takes the model's default.</summary>
public sealed record VideoOptions
{
    /// <summary>The most frames of a clip: a bound of sense, a minute and a half at the official rate.</summary>
    public const int MaxFrames = 1441;

    /// <summary>Columns in pixels, a multiple of 16 up to 4096.</summary>
    public int? Width { get; init; }

    /// <summary>Rows in pixels, a multiple of 16 up to 4096.</summary>
    public int? Height { get; init; }

    /// <summary>Frames of the clip: 5, 9, 13, ... up to <see cref="MaxFrames"/>; four to a latent frame, and the first alone.</summary>
    public int? Frames { get; init; }

    /// <summary>Solver steps as the official code counts them, 2 to 1000: times, one more than there are moves between them.</summary>
    public int? Steps { get; init; }

    /// <summary>Classifier-free guidance strength, 0 to 1000; 1 (or 0) follows the prompt alone and needs half the work.</summary>
    public float? Guidance { get; init; }

    /// <summary>The times within which guidance is applied, as in <see cref="ImageOptions.GuidanceInterval"/>.</summary>
    public (float Low, float High) GuidanceInterval { get; init; } = (0, 1);

    /// <summary>The solver.</summary>
    public SamplerKind? Sampler { get; init; }

    /// <summary>Seed of the noise; null: 42.</summary>
    public long? Seed { get; init; }

    /// <summary>What the clip should not be; empty for none.</summary>
    public string? NegativePrompt { get; init; }

    /// <summary>Frames per second it is shown at; the model makes the same frames for any.</summary>
    public double? FramesPerSecond { get; init; }

    /// <summary>Shows what the first frame looks like after every so many steps, in <see cref="GenerationProgress.Preview"/>; 0, the default, never.</summary>
    public int PreviewEvery { get; init; }

    /// <summary>
    /// Has the VAE of variant <c>tuna</c> take the clip in square tiles of so many pixels a side, a multiple of 16 from 64 to 4096,
    /// joined by blended seams: its memory is then a tile's, whatever the size. Null, the default, for whole, as it was trained.
    /// A tile smaller than the clip's frames changes their pixels a little, and is among its parameters.
    /// </summary>
    public int? VaeTile { get; init; }

    /// <summary>What to do with a prompt longer than the model takes.</summary>
    public OverlongPrompt OverlongPrompt { get; init; }

    /// <summary>Checks the options against a model's config, as every request does: for telling before the model is loaded.</summary>
    /// <returns>What the user should know all the same.</returns>
    /// <exception cref="RequestException">The model makes no clips, or a value is out of range; the message names it.</exception>
    public IReadOnlyList<string> Validate(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return ImageRequest.Of(this, config).Warnings;
    }
}
