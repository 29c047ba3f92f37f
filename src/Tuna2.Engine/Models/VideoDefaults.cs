namespace Tuna2.Engine.Models;

/// <summary>
/// What clips are made with when the caller does not say otherwise: the official values (t2v_2b.yaml, and runner.py where that is
/// silent). Steps, sampler and time shift are those of pictures.
/// </summary>
public sealed record VideoDefaults
{
    /// <summary>Columns in pixels.</summary>
    public int Width { get; init; } = 672;

    /// <summary>Rows in pixels.</summary>
    public int Height { get; init; } = 384;

    /// <summary>Frames of the clip: 13 latent ones.</summary>
    public int Frames { get; init; } = 49;

    /// <summary>Classifier-free guidance; 1 is none.</summary>
    public float Guidance { get; init; } = 6;

    /// <summary>The negative prompt; empty is none.</summary>
    public string NegativePrompt { get; init; } = "";

    /// <summary>The rate the official code writes clips at.</summary>
    public double FramesPerSecond { get; init; } = 16;
}
