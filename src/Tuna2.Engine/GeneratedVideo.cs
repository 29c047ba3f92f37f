using Tuna2.Engine.Imaging;

namespace Tuna2.Engine;

/// <summary>A clip the model made.</summary>
/// <param name="Clip">Its frames and their rate.</param>
/// <param name="Parameters">What made it, its seed included.</param>
/// <param name="Warnings">What the user should know: a prompt that was cut, a size the model was not trained on.</param>
public sealed record GeneratedVideo(VideoClip Clip, GenerationParameters Parameters, IReadOnlyList<string> Warnings)
{
    /// <summary>Writes a file with the parameters inside, as far as its format holds them; it appears whole or not at all.</summary>
    /// <param name="path">The file, replaced when there is one.</param>
    /// <param name="format">The format; null for the one the name's ending asks for, an animated PNG where it has none.</param>
    /// <param name="options">How to write it; null for the defaults.</param>
    /// <param name="cancellation">Stops the writing.</param>
    /// <exception cref="RequestException">The ending is of no format that is written, or the quality is out of range.</exception>
    /// <exception cref="ImageException">The file cannot be written, or ffmpeg is needed and missing.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public void Save(string path, VideoFormat? format = null, ImageWriteOptions? options = null, CancellationToken cancellation = default) =>
        Clip.Save(path, format, WithParameters(options), cancellation);

    /// <summary>The bytes of a whole file with the parameters inside, as far as its format holds them.</summary>
    /// <param name="format">The format.</param>
    /// <param name="options">How to write it; null for the defaults.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="RequestException">The quality is out of range.</exception>
    /// <exception cref="ImageException">The format cannot hold the clip, or ffmpeg is needed and missing.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public byte[] Encode(VideoFormat format = VideoFormat.Apng, ImageWriteOptions? options = null, CancellationToken cancellation = default) =>
        Clip.Encode(format, WithParameters(options), cancellation);

    private ImageWriteOptions WithParameters(ImageWriteOptions? options)
    {
        options ??= new();
        return options with { Text = [.. Parameters.ToTexts(), .. options.Text] };
    }
}
