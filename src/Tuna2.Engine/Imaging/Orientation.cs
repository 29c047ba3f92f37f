namespace Tuna2.Engine.Imaging;

/// <summary>Turns a stored picture upright by its EXIF orientation (EXIF 2.32, tag 0x0112).</summary>
internal static class Orientation
{
    /// <summary>The orientation of a picture that is stored upright.</summary>
    public const int Upright = 1;

    /// <summary>The picture upright; itself when it is stored so, or the orientation is none of 1 to 8.</summary>
    /// <param name="image">The picture as stored.</param>
    /// <param name="orientation">Where its first row and column belong: 1 top left, 2 top right, 3 bottom right, 4 bottom left, 5 to 8 the same sideways.</param>
    public static RgbImage Apply(RgbImage image, int orientation)
    {
        var (right, bottom) = (image.Width - 1, image.Height - 1);
        return orientation switch
        {
            2 => Rearrange(image, false, (x, y) => (right - x, y)),
            3 => Rearrange(image, false, (x, y) => (right - x, bottom - y)),
            4 => Rearrange(image, false, (x, y) => (x, bottom - y)),
            5 => Rearrange(image, true, (x, y) => (y, x)),
            6 => Rearrange(image, true, (x, y) => (y, bottom - x)),
            7 => Rearrange(image, true, (x, y) => (right - y, bottom - x)),
            8 => Rearrange(image, true, (x, y) => (right - y, x)),
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
