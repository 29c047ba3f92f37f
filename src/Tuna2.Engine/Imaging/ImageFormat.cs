namespace Tuna2.Engine.Imaging;

/// <summary>What a picture can be written as.</summary>
public enum ImageFormat
{
    /// <summary>Exact: every byte of the picture comes back.</summary>
    Png,

    /// <summary>Small and lossy, read everywhere.</summary>
    Jpeg,

    /// <summary>Smaller and lossy, or exact at quality 100.</summary>
    Webp,
}

/// <summary>How formats are told apart: by the ending of a name when writing, by the first bytes when reading.</summary>
public static class ImageFormats
{
    private static readonly FormatTable<ImageFormat> _all = new(
        "pictures are written as PNG, JPEG or WebP, so its name should end in .png, .jpg or .webp",
        (ImageFormat.Png, "PNG", [".png"]),
        (ImageFormat.Jpeg, "JPEG", [".jpg", ".jpeg", ".jpe", ".jfif"]),
        (ImageFormat.Webp, "WebP", [".webp"]));

    /// <summary>The format a name's ending asks for, upper or lower case; null where the name has no ending.</summary>
    /// <exception cref="RequestException">The ending is of no format that is written.</exception>
    public static ImageFormat? OfPath(string path) => _all.OfPath(path);

    /// <summary>The format a file's first bytes show; null for any other.</summary>
    /// <param name="file">A file, or at least its first 12 bytes.</param>
    public static ImageFormat? OfContent(ReadOnlySpan<byte> file)
    {
        if (file.StartsWith(PngChunk.Signature)) return ImageFormat.Png;
        if (file.StartsWith((ReadOnlySpan<byte>)[0xff, 0xd8, 0xff])) return ImageFormat.Jpeg;
        return file.Length >= 12 && file.StartsWith("RIFF"u8) && file[8..].StartsWith("WEBP"u8) ? ImageFormat.Webp : null;
    }

    /// <summary>The usual ending of its files, with the point.</summary>
    public static string Ending(this ImageFormat format) => _all.Ending(format);

    /// <summary>Its name: PNG, JPEG, WebP.</summary>
    public static string Name(this ImageFormat format) => _all.Name(format);
}
