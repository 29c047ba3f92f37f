namespace Tuna2.Engine.Imaging;

/// <summary>
/// The texts inside a picture file, for instance the <c>parameters</c> it was made with: the text chunks of a PNG, the EXIF
/// user comment and the engine's maker note of a JPEG or WebP.
/// </summary>
public static class ImageText
{
    /// <summary>Keywords and texts in file order; none when the file has none.</summary>
    /// <exception cref="ImageException">The file cannot be read, is no PNG, JPEG or WebP, or a text in it is damaged.</exception>
    public static IReadOnlyList<KeyValuePair<string, string>> Read(string path) => PictureFile.Read(path, file => Read(file, path));

    /// <summary>Keywords and texts of the picture from the stream's position to its end.</summary>
    /// <param name="stream">Encoded picture; it is left open.</param>
    /// <param name="name">What errors call the picture.</param>
    /// <exception cref="IOException">The stream fails.</exception>
    /// <inheritdoc cref="Read(string)"/>
    public static IReadOnlyList<KeyValuePair<string, string>> Read(Stream stream, string name)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return FromBytes(PictureFile.ReadAll(stream, name), name);
    }

    /// <summary>Keywords and texts of a picture that is in memory.</summary>
    /// <param name="encoded">A whole PNG, JPEG or WebP file.</param>
    /// <param name="name">What errors call the picture.</param>
    /// <inheritdoc cref="Read(string)"/>
    public static IReadOnlyList<KeyValuePair<string, string>> FromBytes(ReadOnlyMemory<byte> encoded, string name = "picture")
    {
        if (encoded.IsEmpty) throw new ImageException($"{name}: empty");
        return ImageFormats.OfContent(encoded.Span) switch
        {
            ImageFormat.Png => PngText.Read(new MemoryStream(encoded.ToArray()), name),
            null => throw new ImageException($"{name}: not a picture with texts (PNG, JPEG or WebP expected)"),
            _ => Exif.Of(encoded.Span).Texts,
        };
    }
}
