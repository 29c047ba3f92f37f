using Tuna2.Engine.Imaging;

namespace Tuna2.Engine;

/// <summary>How far a request has come; reported after every solver step, on the computing thread.</summary>
/// <param name="Image">Index of the picture being made, from 0.</param>
/// <param name="Images">Pictures in all.</param>
/// <param name="Step">Steps done of this picture.</param>
/// <param name="Steps">Steps of a picture.</param>
public readonly record struct GenerationProgress(int Image, int Images, int Step, int Steps)
{
    /// <summary>How many pictures are stepped together with this one, itself among them: their steps are told one after the other.</summary>
    public int Together { get; init; } = 1;

    /// <summary>Index of the first of those.</summary>
    public int FirstTogether { get; init; } = Image;

    /// <summary>Seed of the picture being made; null where nothing is drawn at random.</summary>
    public long? Seed { get; init; }

    /// <summary>
    /// What the picture looks like so far, on every step that <see cref="ImageOptions.PreviewEvery"/> asks for; null on the
    /// others.
    /// </summary>
    public RgbImage? Preview { get; init; }
}
