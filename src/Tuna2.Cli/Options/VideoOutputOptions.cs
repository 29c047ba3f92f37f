using System.CommandLine;
using System.Globalization;
using Tuna2.Cli.Output;
using Tuna2.Engine;
using Tuna2.Engine.Imaging;

namespace Tuna2.Cli.Options;

/// <summary>Where a clip goes and as what: --output, --format, --quality.</summary>
internal sealed class VideoOutputOptions
{
    private readonly Option<string?> _output = new("--output", "-o")
    {
        Description = "The animated PNG, animated WebP or MP4 (which takes ffmpeg) to write, a folder to write it in, or - for standard output [default: tuna2-SEED.png]",
        HelpName = "PATH",
    };

    private readonly Option<VideoFormat?> _format = ChoiceOptions.Choice(
        "--format", "What to write where the name has no ending that says so [default: png]", ("png", VideoFormat.Apng), ("webp", VideoFormat.Webp), ("mp4", VideoFormat.Mp4));

    private readonly Option<int?> _quality = NumberOptions.Integer("--quality", "Of a WebP or MP4, 1 to 100; a WebP of 100 is exact [default: 90]");

    public void AddTo(Command command)
    {
        command.Add(_output);
        command.Add(_format);
        command.Add(_quality);
    }

    /// <summary>Settles where the clip goes, and that it can be written there: an hour's work must not end at a folder that is not there.</summary>
    /// <returns>Writes the clip and tells where.</returns>
    /// <exception cref="RequestException">The options contradict each other.</exception>
    /// <exception cref="ImageException">The folder cannot be written to, or ffmpeg is needed and missing.</exception>
    public Func<GeneratedVideo, CancellationToken, string> Open(ParseResult parsed, CliConsole console, bool json)
    {
        var (output, asked, quality) = (parsed.GetValue(_output), parsed.GetValue(_format), parsed.GetValue(_quality));
        if (quality is < 1 or > 100)
            throw new RequestException($"quality must be 1 to 100, not {quality}");
        var toStream = output == StandardStreams.Name;
        if (toStream && json)
            throw new RequestException("--json and -o - both want standard output: give either");
        if (toStream && console.Streams.OutputIsTerminal)
            throw new RequestException("standard output is a terminal: send the clip into a file or a program");
        var folder = output is null || Directory.Exists(output) ? output ?? "" : null;
        var format = asked ?? (toStream || folder is not null ? VideoFormat.Apng : VideoFormats.OfPath(output!) ?? VideoFormat.Apng);
        if (folder is null && !toStream && asked is not null && Path.HasExtension(output) && VideoFormats.OfPath(output!) is { } ending && ending != format)
            throw new RequestException($"{output}: the name is that of an {ending.Name()}, but --format asks for {format.Name()}");
        if (quality is not null && format == VideoFormat.Apng)
            throw new RequestException("--quality is for WebP and MP4; a PNG loses nothing");
        format.RequireWriter(output ?? "tuna2-SEED" + format.Ending());
        if (!toStream)
            PictureOutput.Probe(folder is { Length: > 0 } ? folder : folder is null && Path.GetDirectoryName(output) is { Length: > 0 } parent ? parent : ".", output ?? ".");
        var options = quality is { } given ? new ImageWriteOptions { Quality = given } : new();
        return (video, cancellation) =>
        {
            if (toStream)
            {
                var bytes = video.Encode(format, options, cancellation);
                using var stream = console.Streams.OpenOutput();
                stream.Write(bytes);
                stream.Flush();
                return "standard output";
            }
            var path = folder is null ? output! : Free(folder, string.Create(CultureInfo.InvariantCulture, $"tuna2-{video.Parameters.Seed}"), format.Ending());
            video.Save(path, format, options, cancellation);
            return path;
        };
    }

    /// <summary>A name of our own never takes the place of another file.</summary>
    private static string Free(string folder, string stem, string ending)
    {
        for (var copy = 1; ; copy++)
            if (Path.Combine(folder, $"{(copy == 1 ? stem : $"{stem}-{copy}")}{ending}") is var path && !Path.Exists(path))
                return path;
    }
}
