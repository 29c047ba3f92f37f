using Tuna2.Engine.Imaging;

namespace Tuna2.Engine;

/// <summary>A picture the model made.</summary>
/// <param name="Image">The picture.</param>
/// <param name="Parameters">What made it, its seed included.</param>
/// <param name="Warnings">What the user should know: a prompt that was cut.</param>
public sealed record GeneratedImage(RgbImage Image, GenerationParameters Parameters, IReadOnlyList<string> Warnings)
{
    /// <summary>Writes a PNG with the parameters in its text chunks; the file appears whole or not at all.</summary>
    /// <exception cref="ImageException">The file cannot be written.</exception>
    public void SavePng(string path) => PngWriter.Write(path, Image, Parameters.ToTextChunks());
}
