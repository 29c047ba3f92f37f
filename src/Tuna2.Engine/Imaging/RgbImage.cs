using SkiaSharp;

namespace Tuna2.Engine.Imaging;

/// <summary>
/// A picture of 8-bit red, green and blue, rows from the top, three interleaved bytes per pixel, no padding. It has no
/// colour profile and no alpha: decoding keeps the stored colour bytes, as PIL's <c>convert("RGB")</c> does.
/// </summary>
public sealed class RgbImage
{
    /// <summary>The largest width and height taken, in pixels.</summary>
    public const int MaxSide = 32768;

    /// <summary>The largest number of pixels taken: where Pillow, too, calls a picture a decompression bomb.</summary>
    public const int MaxPixels = 178_956_970;

    /// <summary>A picture over <paramref name="pixels"/>, which is not copied and must not be changed afterwards.</summary>
    /// <param name="width">Pixels per row, 1 to <see cref="MaxSide"/>.</param>
    /// <param name="height">Rows, 1 to <see cref="MaxSide"/>.</param>
    /// <param name="pixels">(height, width, 3) bytes.</param>
    /// <exception cref="ImageException">The size is out of range or is not that of <paramref name="pixels"/>.</exception>
    public RgbImage(int width, int height, ReadOnlyMemory<byte> pixels)
    {
        CheckSize("a picture", width, height);
        if (pixels.Length != width * height * 3)
            throw new ImageException($"a picture of {width}x{height} takes {width * height * 3} bytes, not {pixels.Length}");
        Width = width;
        Height = height;
        Pixels = pixels;
    }

    /// <summary>Pixels per row.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>(Height, Width, 3) bytes: red, green, blue of the first row's first pixel, then of its second.</summary>
    public ReadOnlyMemory<byte> Pixels { get; }

    /// <summary>One row of <see cref="Width"/> x 3 bytes.</summary>
    public ReadOnlySpan<byte> Row(int y) => Pixels.Span.Slice(y * Width * 3, Width * 3);

    /// <summary>Reads a PNG, JPEG, WebP, BMP or GIF file, told apart by content, not by name; of an animation the first frame.</summary>
    /// <remarks>
    /// Grey, palettes and CMYK become RGB; transparent pixels show white behind them, and the EXIF orientation is applied,
    /// unless the options say otherwise. Samples of 16 bits keep their high byte, as in browsers.
    /// </remarks>
    /// <param name="path">The file.</param>
    /// <param name="options">How to read it; null for the defaults.</param>
    /// <exception cref="ImageException">There is no such file, it is no such picture, damaged, cut off, or too large.</exception>
    public static RgbImage Load(string path, ImageReadOptions? options = null)
        => PictureFile.Read(path, file => Load(file, path, options));

    /// <summary>Reads a picture from the stream's position to its end.</summary>
    /// <param name="stream">Encoded picture; it is left open.</param>
    /// <param name="name">What errors call the picture.</param>
    /// <param name="options">How to read it; null for the defaults.</param>
    /// <exception cref="ImageException">It is no picture, damaged, cut off, or too large.</exception>
    /// <exception cref="IOException">The stream fails.</exception>
    public static RgbImage Load(Stream stream, string name, ImageReadOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return FromBytes(PictureFile.ReadAll(stream, name), name, options);
    }

    /// <summary>Decodes a picture that is in memory.</summary>
    /// <param name="encoded">A whole PNG, JPEG, WebP, BMP or GIF file.</param>
    /// <param name="name">What errors call the picture.</param>
    /// <param name="options">How to read it; null for the defaults.</param>
    /// <exception cref="ImageException">It is no picture, damaged, cut off, or too large.</exception>
    public static unsafe RgbImage FromBytes(ReadOnlyMemory<byte> encoded, string name = "picture", ImageReadOptions? options = null)
    {
        if (encoded.IsEmpty) throw new ImageException($"{name}: empty");
        if (!HasKnownSignature(encoded.Span))
            throw new ImageException($"{name}: not a picture (PNG, JPEG, WebP, BMP or GIF expected)");

        using var pin = encoded.Pin();
        using var data = SKData.Create((nint)pin.Pointer, encoded.Length);
        using var codec = OpenCodec(data, name);
        var info = RgbaInfo(codec);
        options ??= new();
        var image = FromRgba(info.Width, info.Height, DecodeRgba(codec, info, name), options.OverWhite);
        return options.ApplyOrientation ? Orientation.Apply(image, Exif.Of(encoded.Span).Orientation) : image;
    }

    /// <summary>A picture of red, green, blue and alpha, over white or without its alpha.</summary>
    internal static RgbImage FromRgba(int width, int height, ReadOnlySpan<byte> rgba, bool overWhite) => new(width, height, DropAlpha(rgba, overWhite));

    /// <summary>Red, green, blue and alpha of an encoded picture of known size.</summary>
    internal static unsafe byte[] DecodeRgba(ReadOnlyMemory<byte> encoded, string name, int width, int height)
    {
        using var pin = encoded.Pin();
        using var data = SKData.Create((nint)pin.Pointer, encoded.Length);
        using var codec = OpenCodec(data, name);
        var info = RgbaInfo(codec);
        return (info.Width, info.Height) == (width, height)
            ? DecodeRgba(codec, info, name)
            : throw new ImageException($"{name}: {info.Width}x{info.Height} pixels where {width}x{height} are expected");
    }

    /// <summary>The codec of a picture whose size is checked.</summary>
    internal static SKCodec OpenCodec(SKData data, string name)
    {
        var codec = SKCodec.Create(data) ?? throw new ImageException($"{name}: the picture is damaged or ends early");
        try
        {
            CheckSize(name, codec.Info.Width, codec.Info.Height);
            return codec;
        }
        catch
        {
            codec.Dispose();
            throw;
        }
    }

    /// <summary>What pixels are decoded to.</summary>
    /// <remarks>SKBitmap.Decode multiplies colours by alpha, and a colour space in the target converts them; the model was fed neither.</remarks>
    internal static SKImageInfo RgbaInfo(SKCodec codec) => new(codec.Info.Width, codec.Info.Height, SKColorType.Rgba8888, SKAlphaType.Unpremul);

    /// <summary>Why Skia could not decode.</summary>
    internal static void Check(SKCodecResult result, string name)
    {
        if (result != SKCodecResult.Success)
            throw new ImageException($"{name}: the picture {(result == SKCodecResult.IncompleteInput ? "ends early" : "is damaged")}");
    }

    /// <summary>Writes a file; it appears whole or not at all.</summary>
    /// <param name="path">The file, replaced when there is one.</param>
    /// <param name="format">The format; null for the one the name's ending asks for, PNG where it has none.</param>
    /// <param name="options">How to write it; null for the defaults.</param>
    /// <exception cref="RequestException">The ending is of no format that is written, or the quality is out of range.</exception>
    /// <exception cref="ImageException">The file cannot be written, or the format cannot hold the picture or a text.</exception>
    public void Save(string path, ImageFormat? format = null, ImageWriteOptions? options = null) =>
        PictureFile.Write(path, Encode(format ?? ImageFormats.OfPath(path) ?? ImageFormat.Png, options));

    /// <summary>The bytes of a whole file.</summary>
    /// <param name="format">The format.</param>
    /// <param name="options">How to write it; null for the defaults.</param>
    /// <exception cref="RequestException">The quality is out of range.</exception>
    /// <exception cref="ImageException">The format cannot hold the picture or a text.</exception>
    public byte[] Encode(ImageFormat format = ImageFormat.Png, ImageWriteOptions? options = null) => ImageEncoder.Encode(this, format, options ?? new());

    /// <summary>Skia also decodes formats with next to no signature, so what is offered to it is chosen here.</summary>
    internal static bool HasKnownSignature(ReadOnlySpan<byte> file)
        => ImageFormats.OfContent(file) is not null || file.StartsWith("BM"u8) || file.StartsWith("GIF87a"u8) || file.StartsWith("GIF89a"u8);

    private static unsafe byte[] DecodeRgba(SKCodec codec, SKImageInfo info, string name)
    {
        try
        {
            var rgba = new byte[info.BytesSize64];
            fixed (byte* first = rgba)
                Check(codec.GetPixels(info, (nint)first), name);
            return rgba;
        }
        catch (OutOfMemoryException e)
        {
            throw new ImageException($"{name}: there is not enough memory for {info.Width}x{info.Height} pixels", e);
        }
    }

    internal static void CheckSize(string name, int width, int height)
    {
        if (width < 1 || height < 1 || width > MaxSide || height > MaxSide || (long)width * height > MaxPixels)
            throw new ImageException(
                $"{name}: {width}x{height} pixels are out of range (1 to {MaxSide} a side, at most {MaxPixels} in all)");
    }

    private static byte[] DropAlpha(ReadOnlySpan<byte> rgba, bool overWhite)
    {
        var rgb = new byte[rgba.Length / 4 * 3];
        for (int from = 0, to = 0; to < rgb.Length; from += 4, to += 3)
        {
            int alpha = overWhite ? rgba[from + 3] : 255;
            rgb[to] = OverWhite(rgba[from], alpha);
            rgb[to + 1] = OverWhite(rgba[from + 1], alpha);
            rgb[to + 2] = OverWhite(rgba[from + 2], alpha);
        }
        return rgb;
    }

    /// <summary>(c a + 255 (255 - a)) / 255 to the nearest; there are no halves, 255 being odd.</summary>
    private static byte OverWhite(byte colour, int alpha) => (byte)((colour * alpha + 255 * (255 - alpha) + 127) / 255);
}
