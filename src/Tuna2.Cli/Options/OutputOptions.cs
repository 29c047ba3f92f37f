using System.CommandLine;
using Tuna2.Cli.Output;
using Tuna2.Engine;
using Tuna2.Engine.Imaging;

namespace Tuna2.Cli.Options;

/// <summary>Where pictures go and as what: --output, --format, --quality.</summary>
internal sealed class OutputOptions
{
    /// <summary>What is said of previews that nobody would see.</summary>
    public const string NoPlaceForPreviews = "previews have nowhere to go: with -o - no files are written, and standard error is no terminal that draws";

    private readonly Option<string?> _output;
    private readonly Option<ImageFormat?> _format = ChoiceOptions.Choice(
        "--format", "What to write where the name has no ending that says so [default: png]", ("png", ImageFormat.Png), ("jpeg", ImageFormat.Jpeg), ("webp", ImageFormat.Webp));
    private readonly Option<int?> _quality = NumberOptions.Integer("--quality", "Of a JPEG or WebP, 1 to 100; a WebP of 100 is exact [default: 90]");

    /// <param name="defaultName">What a picture is called where the user gives no name, without its ending.</param>
    public OutputOptions(string defaultName) => _output = new("--output", "-o")
    {
        Description = $"The PNG, JPEG or WebP to write, a folder to write it in, or - for standard output; several are numbered: -1, -2 before the ending, or {PictureOutput.NumberPlaceholder} [default: {defaultName}.png]",
        HelpName = "PATH",
    };

    public void AddTo(Command command)
    {
        command.Add(_output);
        command.Add(_format);
        command.Add(_quality);
    }

    /// <summary>Settles where the pictures go, and that they can be written there.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="console">Its streams.</param>
    /// <param name="options">How many pictures there will be, and whether with previews.</param>
    /// <param name="json">Whether standard output is taken by a report.</param>
    /// <param name="prompts">Of how many prompts.</param>
    /// <exception cref="RequestException">The options contradict each other.</exception>
    /// <exception cref="ImageException">There is no such folder, a folder is in the way, or the folder may not be written to.</exception>
    public PictureOutput Open(ParseResult parsed, CliConsole console, ImageOptions options, bool json, int prompts = 1)
    {
        var (output, format, quality) = (parsed.GetValue(_output), parsed.GetValue(_format), parsed.GetValue(_quality));
        if (quality is < 1 or > 100)
            throw new RequestException($"quality must be 1 to 100, not {quality}");
        if (output == StandardStreams.Name)
            CheckStandardOutput(console, options, json, prompts * options.Count);
        var opened = output == StandardStreams.Name
            ? PictureOutput.ToStream(console.Streams.OpenOutput, format ?? ImageFormat.Png, quality)
            : PictureOutput.Open(output, format, quality, prompts * options.Count);
        return quality is null || opened.Format != ImageFormat.Png ? opened : throw new RequestException("--quality is for JPEG and WebP; a PNG loses nothing");
    }

    private static void CheckStandardOutput(CliConsole console, ImageOptions options, bool json, int pictures)
    {
        if (json)
            throw new RequestException("--json and -o - both want standard output: give either");
        if (pictures > 1)
            throw new RequestException($"standard output takes one picture, not {pictures}");
        if (console.Streams.OutputIsTerminal)
            throw new RequestException("standard output is a terminal: send the picture into a file or a program");
        if (options.PreviewEvery > 0 && console.Screen is null)
            throw new RequestException(NoPlaceForPreviews);
    }
}
