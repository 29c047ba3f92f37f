using System.CommandLine;
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
    /// <param name="parsed">The command line.</param>
    /// <param name="console">Its streams.</param>
    /// <param name="previews">Whether there will be previews.</param>
    /// <param name="json">Whether standard output is taken by a report.</param>
    /// <exception cref="RequestException">The options contradict each other.</exception>
    /// <exception cref="ImageException">The folder cannot be written to, or ffmpeg is needed and missing.</exception>
    public VideoOutput Open(ParseResult parsed, CliConsole console, bool previews, bool json)
    {
        var (output, asked, quality) = (parsed.GetValue(_output), parsed.GetValue(_format), parsed.GetValue(_quality));
        if (quality is < 1 or > 100)
            throw new RequestException($"quality must be 1 to 100, not {quality}");
        var toStream = output == StandardStreams.Name;
        if (toStream && json)
            throw new RequestException("--json and -o - both want standard output: give either");
        if (toStream && console.Streams.OutputIsTerminal)
            throw new RequestException("standard output is a terminal: send the clip into a file or a program");
        if (toStream && previews && console.Screen is null)
            throw new RequestException(OutputOptions.NoPlaceForPreviews);
        var folder = output is null || Directory.Exists(output) ? output ?? "" : null;
        var format = asked ?? (toStream || folder is not null ? VideoFormat.Apng : VideoFormats.OfPath(output!) ?? VideoFormat.Apng);
        if (folder is null && !toStream && asked is not null && Path.HasExtension(output) && VideoFormats.OfPath(output!) is { } ending && ending != format)
            throw new RequestException($"{output}: the name is that of an {ending.Name()}, but --format asks for {format.Name()}");
        if (quality is not null && format == VideoFormat.Apng)
            throw new RequestException("--quality is for WebP and MP4; a PNG loses nothing");
        format.RequireWriter(output ?? "tuna2-SEED" + format.Ending());
        if (!toStream)
            PictureOutput.Probe(folder is { Length: > 0 } ? folder : folder is null && Path.GetDirectoryName(output) is { Length: > 0 } parent ? parent : ".", output ?? ".");
        return new(format, quality is { } given ? new() { Quality = given } : new(), folder is null && !toStream ? output : null, folder ?? "", toStream ? console.Streams.OpenOutput : null);
    }
}
