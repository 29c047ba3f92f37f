namespace Tuna2.Engine.Models;

/// <summary>The three model families of the Tuna papers, by what they see pictures through.</summary>
public enum ModelVariant
{
    /// <summary>Tuna-2, <c>tuna_2_pixel</c>: pixels straight into the language model, no vision encoder.</summary>
    Tuna2Pixel,
    /// <summary>Tuna-R, <c>tuna_2r_pixel</c>: a SigLIP 2 encoder on pixels.</summary>
    Tuna2RPixel,
    /// <summary>Tuna, <c>tuna</c>: a SigLIP 2 encoder on the latents of the Wan 2.2 VAE.</summary>
    Tuna,
}

/// <summary>The names of <see cref="ModelVariant"/> in config.json.</summary>
public static class ModelVariants
{
    private static readonly string[] Names = ["tuna_2_pixel", "tuna_2r_pixel", "tuna"];

    /// <summary>The name in config.json, such as <c>tuna_2_pixel</c>.</summary>
    public static string Name(this ModelVariant variant) => Names[(int)variant];

    /// <summary>The variant of that name; false when there is none.</summary>
    public static bool TryParse(string? name, out ModelVariant variant)
    {
        var index = Array.IndexOf(Names, name);
        variant = (ModelVariant)Math.Max(index, 0);
        return index >= 0;
    }

    /// <summary>All names, as an error lists them.</summary>
    internal static string All => string.Join(", ", Names);
}
