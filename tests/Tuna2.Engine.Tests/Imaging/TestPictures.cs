using System.Buffers.Binary;
using System.IO.Compression;
using SkiaSharp;
using Tuna2.Engine.Imaging;

namespace Tuna2.Engine.Tests.Imaging;

/// <summary>Pictures the tests make themselves.</summary>
static class TestPictures
{
    public static RgbImage Noise(int width, int height, int seed = 1)
    {
        var pixels = new byte[width * height * 3];
        new Random(seed).NextBytes(pixels);
        return new RgbImage(width, height, pixels);
    }

    /// <summary>Slow waves of colour: what JPEG and PNG filters are made for.</summary>
    public static RgbImage Waves(int width, int height)
    {
        var pixels = new byte[width * height * 3];
        for (var i = 0; i < pixels.Length; i++)
        {
            var (x, y, channel) = (i / 3 % width, i / 3 / width, i % 3);
            pixels[i] = (byte)(128 + 120 * Math.Sin(x * 0.07 + channel) * Math.Cos(y * 0.05 - channel));
        }
        return new RgbImage(width, height, pixels);
    }

    public static byte[] Encode(RgbImage image, SKEncodedImageFormat format, int quality = 100)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(image.Width, image.Height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        var rgba = bitmap.GetPixelSpan();
        for (var i = 0; i < image.Width * image.Height; i++)
        {
            image.Pixels.Span.Slice(i * 3, 3).CopyTo(rgba[(i * 4)..]);
            rgba[i * 4 + 3] = 255;
        }
        using var data = bitmap.Encode(format, quality);
        return data.ToArray();
    }

    public static byte[] Png(RgbImage image, params KeyValuePair<string, string>[] text) => image.Encode(ImageFormat.Png, new() { Text = text });

    /// <summary>A PNG of given header and rows, each of which starts with its filter byte.</summary>
    public static byte[] RawPng(byte colourType, byte bits, int width, int height, byte[] rows, params (string Type, byte[] Data)[] chunks)
    {
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        header[8] = bits;
        header[9] = colourType;
        using var data = new MemoryStream();
        using (var zlib = new ZLibStream(data, CompressionLevel.Fastest, leaveOpen: true)) zlib.Write(rows);
        using var file = new MemoryStream();
        file.Write(PngChunk.Signature);
        PngChunk.Write(file, "IHDR", header);
        foreach (var (type, content) in chunks) PngChunk.Write(file, type, content);
        PngChunk.Write(file, "IDAT", data.ToArray());
        PngChunk.Write(file, "IEND", []);
        return file.ToArray();
    }

    /// <summary>TIFF data that hold nothing but an orientation.</summary>
    public static byte[] OrientationTiff(byte orientation, bool little) => little
        ? [.. "II*\0"u8, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0, 0]
        : [.. "MM\0*"u8, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0];
}
