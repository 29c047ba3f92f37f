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
    public static RgbImage Load(CliConsole console, string path) => Read(console, path, file => RgbImage.Load(file), RgbImage.Load);

    /// <summary>Reads how a picture was made.</summary>
    /// <exception cref="ImageException">It is missing, no picture, or does not say.</exception>
    /// <exception cref="RequestException">Standard input is a terminal.</exception>
    public static ImageRecipe Recipe(CliConsole console, string path) => Read(console, path, ImageRecipe.Read, (stream, name, _) => ImageRecipe.Read(stream, name));

    private static T Read<T>(CliConsole console, string path, Func<string, T> fromFile, Func<Stream, string, ImageReadOptions?, T> fromStream)
    {
        if (path != StandardStreams.Name)
            return fromFile(path);
        if (console.Streams.InputIsTerminal)
            throw new RequestException($"standard input is a terminal: send a picture into it, or name a file");
        using var stream = console.Streams.OpenInput();
        return fromStream(stream, StandardInput, null);
    }
}
