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

    /// <summary>The largest file or stream read, in bytes.</summary>
    private const int MaxFileBytes = 1 << 30;

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

    /// <summary>Reads a PNG, JPEG, WebP, BMP or GIF (first frame) file, told apart by content, not by name.</summary>
    /// <remarks>Transparent pixels of a GIF are black; samples of 16 bits are reduced to 8.</remarks>
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
        using var copy = new MemoryStream();
        var part = new byte[81920];
        for (int read; (read = stream.Read(part)) > 0;)
        {
            if (copy.Length + read > MaxFileBytes) throw new ImageException($"{name}: larger than {MaxFileBytes >> 20} MiB");
            copy.Write(part, 0, read);
        }
        return FromBytes(copy.GetBuffer().AsMemory(0, (int)copy.Length), name, options);
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
        using var codec = SKCodec.Create(data) ?? throw new ImageException($"{name}: the picture is damaged or ends early");
        CheckSize(name, codec.Info.Width, codec.Info.Height);

        // SKBitmap.Decode multiplies colours by alpha, and a colour space in the target converts them; the model was fed neither.
        var info = new SKImageInfo(codec.Info.Width, codec.Info.Height, SKColorType.Rgba8888, SKAlphaType.Unpremul);
        var rgba = new byte[info.BytesSize64];
        SKCodecResult result;
        fixed (byte* first = rgba)
            result = codec.GetPixels(info, (nint)first);
        if (result == SKCodecResult.IncompleteInput) throw new ImageException($"{name}: the picture ends early");
        if (result != SKCodecResult.Success) throw new ImageException($"{name}: the picture is damaged");
        var image = new RgbImage(info.Width, info.Height, DropAlpha(rgba));
        return options is { ApplyOrientation: true } ? Orientation.Apply(image, codec.EncodedOrigin) : image;
    }

    /// <summary>Skia also decodes formats with next to no signature, so what is offered to it is chosen here.</summary>
    private static bool HasKnownSignature(ReadOnlySpan<byte> file)
        => file.StartsWith(PngChunk.Signature) || file.StartsWith((ReadOnlySpan<byte>)[0xff, 0xd8, 0xff])
            || file.StartsWith("BM"u8) || file.StartsWith("GIF87a"u8) || file.StartsWith("GIF89a"u8)
            || (file.Length >= 12 && file.StartsWith("RIFF"u8) && file[8..].StartsWith("WEBP"u8));

    private static void CheckSize(string name, int width, int height)
    {
        if (width < 1 || height < 1 || width > MaxSide || height > MaxSide || (long)width * height > MaxPixels)
            throw new ImageException(
                $"{name}: {width}x{height} pixels are out of range (1 to {MaxSide} a side, at most {MaxPixels} in all)");
    }

    private static byte[] DropAlpha(byte[] rgba)
    {
        var rgb = new byte[rgba.Length / 4 * 3];
        for (int from = 0, to = 0; to < rgb.Length; from += 4, to += 3)
        {
            rgb[to] = rgba[from];
            rgb[to + 1] = rgba[from + 1];
            rgb[to + 2] = rgba[from + 2];
        }
        return rgb;
    }
}
