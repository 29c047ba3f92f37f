using Tuna2.Cli.Output;
using Tuna2.Engine;
using Tuna2.Engine.Imaging;

namespace Tuna2.Cli.Options;

/// <summary>Reads the pictures a command line names; "-" is standard input.</summary>
internal static class PictureInput
{
    private const string StandardInput = "standard input";

    /// <summary>Reads a picture.</summary>
    /// <exception cref="ImageException">It is missing, no picture, or damaged.</exception>
    /// <exception cref="RequestException">Standard input is a terminal.</exception>
    public static RgbImage Load(CliConsole console, string path) => Read(console, path, file => RgbImage.Load(file), (stream, name) => RgbImage.Load(stream, name));

    /// <summary>Reads how a picture was made.</summary>
    /// <exception cref="ImageException">It is missing, no picture, or does not say.</exception>
    /// <exception cref="RequestException">Standard input is a terminal.</exception>
    public static ImageRecipe Recipe(CliConsole console, string path) => Read(console, path, ImageRecipe.Read, ImageRecipe.Read);

    /// <summary>Reads what a picture says of itself.</summary>
    /// <exception cref="ImageException">It is no picture, or damaged.</exception>
    /// <exception cref="RequestException">Standard input is a terminal.</exception>
    public static PictureDescription Description(CliConsole console, string path) => Read(console, path, PictureDescription.Of, PictureDescription.Of);

    private static T Read<T>(CliConsole console, string path, Func<string, T> fromFile, Func<Stream, string, T> fromStream)
    {
        if (path != StandardStreams.Name)
            return fromFile(path);
        if (console.Streams.InputIsTerminal)
            throw new RequestException("standard input is a terminal: send a picture into it, or name a file");
        using var stream = console.Streams.OpenInput();
        return fromStream(stream, StandardInput);
    }
}
