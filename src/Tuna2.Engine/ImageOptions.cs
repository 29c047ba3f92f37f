using Tuna2.Engine.Models;

namespace Tuna2.Engine;

/// <summary>What to do with a prompt longer than the model takes.</summary>
public enum OverlongPrompt
{
    /// <summary>Refuse it with the two lengths.</summary>
    Refuse,

    /// <summary>Cut it as the official code does, and say so in <see cref="GeneratedImage.Warnings"/>.</summary>
    Cut,
}

/// <summary>
/// How a picture is made. What is null takes the model's default: the <c>defaults</c> of its config.json, or the official
/// settings of its variant.
/// </summary>
public sealed record ImageOptions
{
    /// <summary>Columns in pixels, a multiple of 16 up to 4096.</summary>
    public int? Width { get; init; }

    /// <summary>Rows in pixels, a multiple of 16 up to 4096.</summary>
    public int? Height { get; init; }

    /// <summary>Solver steps, 1 to 1000; of variant <c>tuna</c> 2 at least: there the official code counts times, one more than moves.</summary>
    public int? Steps { get; init; }

    /// <summary>Classifier-free guidance strength, 0 to 1000; 1 (or 0) follows the prompt alone and needs half the work.</summary>
    public float? Guidance { get; init; }

    /// <summary>
    /// The times t within which guidance is applied, low &lt; t &lt; high in 0 to 1, where 0 is noise and 1 the picture; a low of 0
    /// takes in t = 0. All by default.
    /// </summary>
    public (float Low, float High) GuidanceInterval { get; init; } = (0, 1);

    /// <summary>The solver.</summary>
    public SamplerKind? Sampler { get; init; }

    /// <summary>
    /// Seed of the first picture; picture i takes seed + i. Null: 42 for text-to-image, a random one for edits. The seed used
    /// is returned with each picture. Reconstruction draws nothing.
    /// </summary>
    public long? Seed { get; init; }

    /// <summary>What the picture should not be; empty for none (text-to-image) or no text (edits).</summary>
    public string? NegativePrompt { get; init; }

    /// <summary>Factor on the start state, 0 to 1000.</summary>
    public float? NoiseScale { get; init; }

    /// <summary>
    /// Shows what the picture looks like after every so many steps, in <see cref="GenerationProgress.Preview"/>; 0, the default,
    /// never. It costs a copy of the picture at those steps, of variant <c>tuna</c> its decoding, and changes nothing about the result.
    /// </summary>
    public int PreviewEvery { get; init; }

    /// <summary>
    /// Has the VAE of variant <c>tuna</c> take pictures in square tiles of so many pixels a side, a multiple of 16 from 64 to 4096,
    /// joined by blended seams: its memory is then a tile's, whatever the size. Null, the default, for whole, as it was trained.
    /// A tile smaller than the picture changes the pixels a little, and is among its parameters.
    /// </summary>
    public int? VaeTile { get; init; }

    /// <summary>How many pictures of each prompt, 1 to 1000.</summary>
    public int Count { get; init; } = 1;

    /// <summary>
    /// How many pictures are stepped together, 1 (the default) to 64: they share weights, prefixes and launches, and take memory each. On
    /// the CPU the pictures are the same to the bit. On a GPU the number decides how products round, so it is among a picture's parameters,
    /// and a batch that the pictures do not fill is filled up with the last of them, which costs as much.
    /// </summary>
    public int Batch { get; init; } = 1;

    /// <summary>What to do with a prompt longer than the model takes.</summary>
    public OverlongPrompt OverlongPrompt { get; init; }

    /// <summary>Checks the options against a model's config, as every request does: for telling before the model is loaded.</summary>
    /// <returns>What the user should know all the same: a size the model was not trained on.</returns>
    /// <exception cref="RequestException">A value is out of range; the message names it.</exception>
    public IReadOnlyList<string> Validate(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return ImageRequest.Of(ImageTask.Generate, this, config).Warnings;
    }
}
