namespace Tuna2.Engine.Imaging;

/// <summary>What a clip can be written as.</summary>
public enum VideoFormat
{
    /// <summary>An animated PNG: exact, every byte of every frame comes back.</summary>
    Apng,

    /// <summary>An animated WebP: small and lossy, or exact at quality 100.</summary>
    Webp,

    /// <summary>H.264 in an MP4 file, by an installed ffmpeg: the smallest, played everywhere.</summary>
    Mp4,
}

/// <summary>How formats of clips are told apart: by the ending of a name when writing.</summary>
public static class VideoFormats
{
    private static readonly FormatTable<VideoFormat> _all = new(
        "clips are written as animated PNG, animated WebP or MP4, so its name should end in .png, .webp or .mp4",
        (VideoFormat.Apng, "animated PNG", [".png", ".apng"]),
        (VideoFormat.Webp, "animated WebP", [".webp"]),
        (VideoFormat.Mp4, "MP4", [".mp4", ".m4v"]));

    /// <summary>The format a name's ending asks for, upper or lower case; null where the name has no ending.</summary>
    /// <exception cref="RequestException">The ending is of no format that is written.</exception>
    public static VideoFormat? OfPath(string path) => _all.OfPath(path);

    /// <summary>Whether it can be written here, to be asked before long work: an MP4 takes ffmpeg.</summary>
    /// <param name="format">The format.</param>
    /// <param name="path">The file that would be written, for the error.</param>
    /// <exception cref="ImageException">ffmpeg is needed and missing; the message names where it was looked for.</exception>
    public static void RequireWriter(this VideoFormat format, string path)
    {
        if (format == VideoFormat.Mp4)
            _ = FilmWriter.Program(path);
    }

    /// <summary>The usual ending of its files, with the point.</summary>
    public static string Ending(this VideoFormat format) => _all.Ending(format);

    /// <summary>Its name: animated PNG, animated WebP, MP4.</summary>
    public static string Name(this VideoFormat format) => _all.Name(format);
}
