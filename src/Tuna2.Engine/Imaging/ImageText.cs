namespace Tuna2.Engine.Imaging;

/// <summary>
/// The texts inside a picture file, for instance the <c>parameters</c> it was made with: the text chunks of a PNG, the EXIF
/// user comment and the engine's maker note of a JPEG or WebP, the comment of an MP4.
/// </summary>
public static class ImageText
{
    /// <summary>Keywords and texts in file order; none when the file has none. Of an MP4, ffprobe tells the comment.</summary>
    /// <exception cref="ImageException">
    /// The file cannot be read, is no PNG, JPEG, WebP or MP4, or a text in it is damaged; an MP4, and there is no ffprobe.
    /// </exception>
    public static IReadOnlyList<KeyValuePair<string, string>> Read(string path) => PictureFile.Read(path, file =>
    {
        Span<byte> head = stackalloc byte[12];
        // What is read from a pipe here would be missing later; and ffprobe opens the file itself.
        if (!file.CanSeek || !IsMp4(head[..file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)]))
        {
            if (file.CanSeek) file.Position = 0;
            return Read(file, path);
        }
        return FilmReader.ReadComment(path) is { } comment ? [new(Exif.CommentKeyword, comment)] : [];
    });

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
            null when encoded.Span.StartsWith("GIF8"u8) => throw new ImageException($"{name}: a GIF has no room for texts (PNG, JPEG or WebP expected)"),
            null => throw new ImageException($"{name}: not a picture with texts (PNG, JPEG or WebP expected)"),
            _ => Exif.Of(encoded.Span).Texts,
        };
    }

    /// <summary>What an MP4 begins with: a box of its kinds, behind the box's length (ISO 14496-12, 4.3).</summary>
    private static bool IsMp4(ReadOnlySpan<byte> head) => head.Length >= 8 && head[4..].StartsWith("ftyp"u8);
}
