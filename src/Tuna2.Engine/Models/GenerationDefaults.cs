namespace Tuna2.Engine.Models;

/// <summary>What a model generates and edits with when the caller does not say otherwise.</summary>
public sealed record GenerationDefaults
{
    /// <summary>
    /// The negative prompt of the official text-to-image configuration, for every variant, word for word: pictures match the
    /// official ones only with it.
    /// </summary>
    public const string OfficialNegativePrompt =
        "ugly, oversaturated, distorted, deformed, disfigured, low quality, worst quality, blurry, noisy, unrealistic, " +
        "pixelated, overexposed, harsh shadows, washed out, dull colors, unnatural contrast, bad lighting, uneven lighting, " +
        "unnatural reflections, color banding, unrealistic textures, poor shading, fake details, plastic skin, waxy skin, " +
        "unrealistic skin tone, color bleeding, jpeg artifacts, watermark, frame border, compression artifacts, low-res, low " +
        "resolution, poor composition, off-centered, messy background, cluttered, cropped head, cut-off body, wrong " +
        "perspective, out of frame, bad framing, tilted horizon, unnatural pose, broken limbs, bad anatomy, bad proportions, " +
        "extra limbs, missing limbs, fused fingers, extra fingers, twisted arms, stiff pose, awkward expression, asymmetrical " +
        "eyes, mismatched eyes, lopsided face, disfigured mouth, bad hands, poorly drawn hands, poorly drawn face, uncanny " +
        "face, creepy smile, unnatural gaze, doll-like face, distorted face, mutated body, duplicated parts, multiple heads, " +
        "extra body parts, text artifacts, signature, logo, cartoonish, 3d render, cgi, unreal engine, low depth, flat " +
        "lighting, wrong focus, out of focus, motion blur, vignette, HDR effect, oversharpened, bad exposure, grainy, bad color " +
        "balance, unrealistic highlights, poor white balance, low dynamic range";

    /// <summary>The official negative prompt of edits, word for word.</summary>
    public const string OfficialEditNegativePrompt =
        "identity changed, different person, face altered, different facial features, lost subject, missing subject, replaced " +
        "subject, drastic pose change, broken anatomy, extra limbs, missing limbs, distorted body, deformed face, hallucinated " +
        "details, removed subject details, inconsistent lighting, mismatched style, oversaturated edit, unintended color shift, " +
        "blurry, watermark, jpeg artifacts, text artifacts, low quality, worst quality, bad composition";

    /// <summary>Width of a picture in pixels.</summary>
    public required int Width { get; init; }

    /// <summary>Height of a picture in pixels.</summary>
    public required int Height { get; init; }

    /// <summary>Denoising steps; for <see cref="ModelVariant.Tuna"/> the official count of times, one more than the moves between them.</summary>
    public required int Steps { get; init; }

    /// <summary>Classifier-free guidance of text-to-image; 1 is none.</summary>
    public required float Guidance { get; init; }

    /// <summary>Classifier-free guidance of edits; 1 is none.</summary>
    public required float EditGuidance { get; init; }

    /// <summary>The sampler.</summary>
    public required SamplerKind Sampler { get; init; }

    /// <summary>The standard deviation of the starting noise.</summary>
    public required float NoiseScale { get; init; }

    /// <summary>The shift s of the times, t / (t + s - s t); 1 leaves them evenly spaced.</summary>
    public required float TimeShift { get; init; }

    /// <summary>The negative prompt of text-to-image; empty is none.</summary>
    public required string NegativePrompt { get; init; }

    /// <summary>The negative prompt of edits; empty is none.</summary>
    public required string EditNegativePrompt { get; init; }

    /// <summary>What clips are made with; null where the model makes none.</summary>
    public VideoDefaults? Video { get; init; }

    /// <summary>The official defaults of a variant's released models, with the model's own noise scale.</summary>
    public static GenerationDefaults Official(ModelVariant variant, float noiseScale)
    {
        var (guidance, editGuidance, sampler, timeShift) = variant switch
        {
            ModelVariant.Tuna2Pixel => (3f, 2f, SamplerKind.Euler, 1f),
            ModelVariant.Tuna2RPixel => (4f, 5f, SamplerKind.Heun, 1f),
            ModelVariant.Tuna => (7.5f, 7.5f, SamplerKind.Euler, 3f),
            _ => throw new ArgumentOutOfRangeException(nameof(variant)),
        };
        return new GenerationDefaults
        {
            Width = 512,
            Height = 512,
            Steps = 50,
            Guidance = guidance,
            EditGuidance = editGuidance,
            Sampler = sampler,
            NoiseScale = noiseScale,
            TimeShift = timeShift,
            NegativePrompt = OfficialNegativePrompt,
            EditNegativePrompt = OfficialEditNegativePrompt,
            Video = variant == ModelVariant.Tuna ? new() : null,
        };
    }
}
