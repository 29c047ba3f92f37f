using System.Globalization;
using Tuna2.Engine;
using Tuna2.Engine.Imaging;

namespace Tuna2.Cli.Output;

/// <summary>Where a clip goes: a file, a file of a name of our own in a folder, or a stream.</summary>
/// <param name="format">What it is written as.</param>
/// <param name="options">How.</param>
/// <param name="path">The file; null for one with a name of our own, or a stream.</param>
/// <param name="folder">The folder of a file with a name of our own.</param>
/// <param name="stream">The stream; null for a file.</param>
internal sealed class VideoOutput(VideoFormat format, ImageWriteOptions options, string? path, string folder, Func<Stream>? stream)
{
    private string? _path = path;

    /// <summary>Whether the clip goes to standard output, which then has no room for anything else.</summary>
    public bool IsStream => stream is not null;

    /// <summary>Writes the clip.</summary>
    /// <returns>The file's path, or what standard output is called.</returns>
    /// <exception cref="ImageException">It cannot be written.</exception>
    /// <exception cref="IOException">Standard output takes no more.</exception>
    public string Save(GeneratedVideo video, CancellationToken cancellation)
    {
        if (stream is null)
        {
            var file = PathOf(video.Parameters.Seed);
            video.Save(file, format, options, cancellation);
            return file;
        }
        var bytes = video.Encode(format, options, cancellation);
        using var output = stream();
        output.Write(bytes);
        output.Flush();
        return "standard output";
    }

    /// <summary>The file of a preview, beside the clip's: NAME-preview-STEP.png.</summary>
    public string PreviewPath(GenerationProgress progress) => PictureOutput.PreviewPath(PathOf(progress.Seed), progress);

    /// <summary>A name of our own never takes the place of another file.</summary>
    private string PathOf(long? seed) => _path ??= PictureOutput.Free(folder, string.Create(CultureInfo.InvariantCulture, $"tuna2-{seed}"), format.Ending());
}
