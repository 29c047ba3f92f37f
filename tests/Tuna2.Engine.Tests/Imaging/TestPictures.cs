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

    public static byte[] Png(RgbImage image, params KeyValuePair<string, string>[] text)
    {
        using var stream = new MemoryStream();
        PngWriter.Write(stream, image, text);
        return stream.ToArray();
    }
}
