using SkiaSharp;

namespace Tuna2.Engine.Imaging;

/// <summary>Pictures as file bytes: PNG by our own exact writer, JPEG and WebP by Skia, with texts in each.</summary>
internal static class ImageEncoder
{
    /// <summary>The largest side a WebP can say (RFC 9649: 14 bits).</summary>
    public const int MaxWebpSide = 16383;

    /// <summary>From this quality on a JPEG keeps the full resolution of colour: what is asked to look right should not smear red edges.</summary>
    private const int FullColourQuality = 90;

    /// <summary>How hard the lossless compressor tries, 0 to 100: the picture is the same.</summary>
    private const float LosslessEffort = 75;

    public static byte[] Encode(RgbImage image, ImageFormat format, ImageWriteOptions options)
    {
        if (!Enum.IsDefined(format))
            throw new RequestException($"picture format {(int)format} is not one of Png, Jpeg, Webp");
        options.Check();
        if (format == ImageFormat.Png)
        {
            using var png = new MemoryStream();
            PngWriter.Write(png, image, options.Text);
            return png.ToArray();
        }
        CheckText(options.Text);
        if (format == ImageFormat.Webp && Math.Max(image.Width, image.Height) > MaxWebpSide)
            throw new ImageException($"a picture of {image.Width}x{image.Height} is too large for WebP, whose sides are at most {MaxWebpSide} pixels");
        var bytes = WithSkia(image, format, options.Quality);
        if (options.Text.Count == 0)
            return bytes;
        var exif = Exif.Build(options.Text);
        return format == ImageFormat.Jpeg ? JpegExif.Insert(bytes, exif) : WebpExif.Insert(bytes, exif, image.Width, image.Height);
    }

    private static unsafe byte[] WithSkia(RgbImage image, ImageFormat format, int quality)
    {
        var rgba = new byte[image.Width * image.Height * 4];
        ToRgba(image, rgba);
        fixed (byte* first = rgba)
        {
            using var pixmap = new SKPixmap(new SKImageInfo(image.Width, image.Height, SKColorType.Rgba8888, SKAlphaType.Opaque), (nint)first);
            using var data = format == ImageFormat.Jpeg
                ? pixmap.Encode(new SKJpegEncoderOptions(
                    quality, quality >= FullColourQuality ? SKJpegEncoderDownsample.Downsample444 : SKJpegEncoderDownsample.Downsample420, SKJpegEncoderAlphaOption.Ignore))
                : pixmap.Encode(Webp(quality));
            return data?.ToArray() ?? throw new ImageException($"a picture of {image.Width}x{image.Height} cannot be encoded as {format.Name()}");
        }
    }

    /// <summary>Skia encodes no pixels of three bytes.</summary>
    public static void ToRgba(RgbImage image, Span<byte> rgba)
    {
        var pixels = image.Pixels.Span;
        for (int from = 0, to = 0; from < pixels.Length; from += 3, to += 4)
            (rgba[to], rgba[to + 1], rgba[to + 2], rgba[to + 3]) = (pixels[from], pixels[from + 1], pixels[from + 2], 255);
    }

    /// <summary>A quality as Skia's WebP encoder is told it.</summary>
    public static SKWebpEncoderOptions Webp(int quality) => quality == 100
        ? new SKWebpEncoderOptions(SKWebpEncoderCompression.Lossless, LosslessEffort)
        : new SKWebpEncoderOptions(SKWebpEncoderCompression.Lossy, quality);

    /// <summary>Whether EXIF can hold the texts.</summary>
    public static void CheckText(IReadOnlyList<KeyValuePair<string, string>> text)
    {
        foreach (var (keyword, value) in text)
            if (keyword.Length == 0 || keyword.Contains('\0') || value.Contains('\0'))
                throw new ImageException($"the text '{OneLine.Of(keyword)}' has no keyword or holds a null character");
    }
}
