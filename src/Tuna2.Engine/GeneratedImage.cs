using Tuna2.Engine.Imaging;

namespace Tuna2.Engine;

/// <summary>A picture the model made.</summary>
/// <param name="Image">The picture.</param>
/// <param name="Parameters">What made it, its seed included.</param>
/// <param name="Warnings">What the user should know: a prompt that was cut, a size the model was not trained on.</param>
public sealed record GeneratedImage(RgbImage Image, GenerationParameters Parameters, IReadOnlyList<string> Warnings)
{
    /// <summary>
    /// Writes a file with the parameters inside, from which <see cref="ImageRecipe.Read(string)"/> reads them back; it appears
    /// whole or not at all.
    /// </summary>
    /// <param name="path">The file, replaced when there is one.</param>
    /// <param name="format">The format; null for the one the name's ending asks for, PNG where it has none.</param>
    /// <param name="options">How to write it; null for the defaults.</param>
    /// <exception cref="RequestException">The ending is of no format that is written, or the quality is out of range.</exception>
    /// <exception cref="ImageException">The file cannot be written.</exception>
    public void Save(string path, ImageFormat? format = null, ImageWriteOptions? options = null) => Image.Save(path, format, WithParameters(options));

    /// <summary>The bytes of a whole file with the parameters inside.</summary>
    /// <param name="format">The format.</param>
    /// <param name="options">How to write it; null for the defaults.</param>
    /// <exception cref="RequestException">The quality is out of range.</exception>
    /// <exception cref="ImageException">The format cannot hold the picture or its parameters.</exception>
    public byte[] Encode(ImageFormat format = ImageFormat.Png, ImageWriteOptions? options = null) => Image.Encode(format, WithParameters(options));

    private ImageWriteOptions WithParameters(ImageWriteOptions? options)
    {
        options ??= new();
        return options with { Text = [.. Parameters.ToTexts(), .. options.Text] };
    }
}
