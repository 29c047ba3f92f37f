using SkiaSharp;

namespace Tuna2.Engine.Imaging;

/// <summary>Turns a stored picture upright by its EXIF orientation, named by where the stored first row and column belong.</summary>
internal static class Orientation
{
    public static RgbImage Apply(RgbImage image, SKEncodedOrigin origin)
    {
        if (origin is SKEncodedOrigin.TopLeft) return image;
        var (right, bottom) = (image.Width - 1, image.Height - 1);
        return origin switch
        {
            SKEncodedOrigin.TopRight => Rearrange(image, false, (x, y) => (right - x, y)),
            SKEncodedOrigin.BottomRight => Rearrange(image, false, (x, y) => (right - x, bottom - y)),
            SKEncodedOrigin.BottomLeft => Rearrange(image, false, (x, y) => (x, bottom - y)),
            SKEncodedOrigin.LeftTop => Rearrange(image, true, (x, y) => (y, x)),
            SKEncodedOrigin.RightTop => Rearrange(image, true, (x, y) => (y, bottom - x)),
            SKEncodedOrigin.RightBottom => Rearrange(image, true, (x, y) => (right - y, bottom - x)),
            SKEncodedOrigin.LeftBottom => Rearrange(image, true, (x, y) => (right - y, x)),
            _ => image,
        };
    }

    private static RgbImage Rearrange(RgbImage image, bool sideways, Func<int, int, (int X, int Y)> source)
    {
        var (width, height) = sideways ? (image.Height, image.Width) : (image.Width, image.Height);
        var pixels = new byte[width * height * 3];
        for (int y = 0, to = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++, to += 3)
            {
                var from = source(x, y);
                image.Row(from.Y).Slice(from.X * 3, 3).CopyTo(pixels.AsSpan(to));
            }
        }
        return new RgbImage(width, height, pixels);
    }
}
