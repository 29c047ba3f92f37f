namespace Tuna2.Engine.Imaging;

/// <summary>
/// Pictures as the model sees them: float32 planes (3, height, width) of red, green and blue in -1..1, and back.
/// </summary>
public static class PixelTensor
{
    /// <summary>Byte b as b / 127.5 - 1 in float32: the same bits as torchvision's ToTensor and Normalize(0.5, 0.5).</summary>
    private static readonly float[] Levels = [.. Enumerable.Range(0, 256).Select(b => b / 127.5f - 1f)];

    /// <summary>The planes of a picture.</summary>
    /// <returns>(3, height, width) floats in -1..1.</returns>
    public static float[] FromImage(RgbImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        var planes = new float[image.Width * image.Height * 3];
        FromImage(image, planes);
        return planes;
    }

    /// <summary>Writes the planes of a picture to <paramref name="destination"/>: (3, height, width) floats in -1..1.</summary>
    /// <exception cref="ArgumentException">The destination is of another size.</exception>
    public static void FromImage(RgbImage image, Span<float> destination)
    {
        ArgumentNullException.ThrowIfNull(image);
        var size = image.Width * image.Height;
        if (destination.Length != size * 3)
            throw new ArgumentException(
                $"{image.Width}x{image.Height} pixels make {size * 3} floats, not {destination.Length}", nameof(destination));
        var pixels = image.Pixels.Span;
        var (red, green, blue) = (0, size, 2 * size);
        for (var from = 0; from < pixels.Length; from += 3)
        {
            destination[red++] = Levels[pixels[from]];
            destination[green++] = Levels[pixels[from + 1]];
            destination[blue++] = Levels[pixels[from + 2]];
        }
    }

    /// <summary>
    /// The picture of three planes: clamp((x + 1) / 2, 0, 1) x 255 in float32, truncated to a byte (not rounded) as the
    /// official pipelines save it. A NaN gives 0, infinities the end they point to.
    /// </summary>
    /// <param name="planes">(3, height, width) floats, -1 black to 1 full.</param>
    /// <param name="width">Pixels per row.</param>
    /// <param name="height">Rows.</param>
    /// <exception cref="ArgumentException">The planes are of another size.</exception>
    /// <exception cref="ImageException">The size is out of <see cref="RgbImage"/>'s range.</exception>
    public static RgbImage ToImage(ReadOnlySpan<float> planes, int width, int height)
    {
        if (planes.Length != (long)width * height * 3)
            throw new ArgumentException(
                $"{width}x{height} pixels take {(long)width * height * 3} floats, not {planes.Length}", nameof(planes));
        var pixels = new byte[planes.Length];
        var image = new RgbImage(width, height, pixels);
        Write(planes, width, pixels, width);
        return image;
    }

    /// <summary>As <see cref="ToImage"/>, into a part of a picture's bytes.</summary>
    /// <param name="planes">(3, rows, width) floats.</param>
    /// <param name="width">Pixels per row of the part.</param>
    /// <param name="pixels">The picture's bytes from the part's first pixel on.</param>
    /// <param name="pictureWidth">Pixels per row of the picture.</param>
    internal static void Write(ReadOnlySpan<float> planes, int width, Span<byte> pixels, int pictureWidth)
    {
        var size = planes.Length / 3;
        for (var row = 0; row < size / width; row++)
            for (int i = row * width, to = 3 * row * pictureWidth; i < (row + 1) * width; i++, to += 3)
            {
                pixels[to] = ToByte(planes[i]);
                pixels[to + 1] = ToByte(planes[size + i]);
                pixels[to + 2] = ToByte(planes[2 * size + i]);
            }
    }

    /// <summary>
    /// Stretches values to fill -1..1, in place: (x - min) / (max - min + 1e-5) x 2 - 1 over all planes together, as the
    /// official Tuna-R pipelines do before saving. Constant planes give -1.
    /// </summary>
    public static void StretchRange(Span<float> planes)
    {
        if (planes.IsEmpty) return;
        var (low, high) = (planes[0], planes[0]);
        foreach (var value in planes)
        {
            low = MathF.Min(low, value);
            high = MathF.Max(high, value);
        }
        var range = high - low + 1e-5f;
        foreach (ref var value in planes)
            value = (value - low) / range * 2f - 1f;
    }

    // Clamp passes NaN on, and a NaN's conversion to an integer is 0 in .NET.
    private static byte ToByte(float value) => (byte)(int)(Math.Clamp((value + 1f) / 2f, 0f, 1f) * 255f);
}
