namespace Tuna2.Engine.Imaging;

/// <summary>How alike two pictures of one size are.</summary>
public static class ImageQuality
{
    private const int WindowSize = 11;
    private const double Sigma = 1.5;
    private const double Range = 255.0;
    private const double C1 = 0.01 * Range * (0.01 * Range);
    private const double C2 = 0.03 * Range * (0.03 * Range);

    /// <summary>
    /// Peak signal-to-noise ratio in dB: 10 log10(255^2 / mean squared difference), over all pixels and channels.
    /// Infinity for identical pictures, 0 for black against white.
    /// </summary>
    /// <exception cref="ImageException">The pictures differ in size.</exception>
    public static double Psnr(RgbImage first, RgbImage second)
    {
        CheckSameSize(first, second);
        var a = first.Pixels.Span;
        var b = second.Pixels.Span;
        var squares = 0L;
        for (var i = 0; i < a.Length; i++)
        {
            var difference = a[i] - b[i];
            squares += difference * difference;
        }
        return squares == 0 ? double.PositiveInfinity : 10.0 * Math.Log10(Range * Range * a.Length / squares);
    }

    /// <summary>
    /// Structural similarity of Wang, Bovik, Sheikh and Simoncelli (2004): 1 for identical pictures, lower and down to -1 the
    /// less alike they are. On luminance (0.299 R + 0.587 G + 0.114 B, not rounded), an 11x11 Gaussian window of sigma 1.5,
    /// K1 = 0.01, K2 = 0.03, averaged over the places where the window lies wholly inside; the pictures are not reduced first.
    /// </summary>
    /// <remarks>Along a side of fewer than 11 pixels the window is that side, its weights normalised again.</remarks>
    /// <exception cref="ImageException">The pictures differ in size.</exception>
    public static double Ssim(RgbImage first, RgbImage second)
    {
        CheckSameSize(first, second);
        var (a, b) = (Luminance(first), Luminance(second));
        var (width, height) = (first.Width, first.Height);
        var meanA = Blur(a, width, height);
        var meanB = Blur(b, width, height);
        var meanAA = Blur(Product(a, a), width, height);
        var meanBB = Blur(Product(b, b), width, height);
        var meanAB = Blur(Product(a, b), width, height);

        var sum = 0.0;
        for (var i = 0; i < meanA.Length; i++)
        {
            var (ma, mb) = (meanA[i], meanB[i]);
            var (varianceA, varianceB, covariance) = (meanAA[i] - ma * ma, meanBB[i] - mb * mb, meanAB[i] - ma * mb);
            sum += (2 * ma * mb + C1) * (2 * covariance + C2) / ((ma * ma + mb * mb + C1) * (varianceA + varianceB + C2));
        }
        return sum / meanA.Length;
    }

    private static void CheckSameSize(RgbImage first, RgbImage second)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        if (first.Width != second.Width || first.Height != second.Height)
            throw new ImageException(
                $"pictures of {first.Width}x{first.Height} and {second.Width}x{second.Height} cannot be compared: their sizes differ");
    }

    private static double[] Luminance(RgbImage image)
    {
        var luminance = new double[image.Width * image.Height];
        var pixels = image.Pixels.Span;
        for (int i = 0, from = 0; i < luminance.Length; i++, from += 3)
            luminance[i] = 0.299 * pixels[from] + 0.587 * pixels[from + 1] + 0.114 * pixels[from + 2];
        return luminance;
    }

    private static double[] Product(double[] a, double[] b)
    {
        var product = new double[a.Length];
        for (var i = 0; i < product.Length; i++)
            product[i] = a[i] * b[i];
        return product;
    }

    /// <summary>Gaussian means of every window that lies wholly inside: (height - rows + 1, width - columns + 1) values.</summary>
    private static double[] Blur(double[] plane, int width, int height)
    {
        var (across, down) = (Gaussian(width), Gaussian(height));
        var (outWidth, outHeight) = (width - across.Length + 1, height - down.Length + 1);
        var narrowed = new double[outWidth * height];
        for (var y = 0; y < height; y++)
            for (var x = 0; x < outWidth; x++)
                for (var i = 0; i < across.Length; i++)
                    narrowed[y * outWidth + x] += across[i] * plane[y * width + x + i];
        var means = new double[outWidth * outHeight];
        for (var y = 0; y < outHeight; y++)
            for (var i = 0; i < down.Length; i++)
                for (var x = 0; x < outWidth; x++)
                    means[y * outWidth + x] += down[i] * narrowed[(y + i) * outWidth + x];
        return means;
    }

    private static double[] Gaussian(int side)
    {
        var size = Math.Min(WindowSize, side);
        var weights = new double[size];
        for (var i = 0; i < size; i++)
        {
            var distance = i - (size - 1) / 2.0;
            weights[i] = Math.Exp(-distance * distance / (2 * Sigma * Sigma));
        }
        var sum = weights.Sum();
        return [.. weights.Select(w => w / sum)];
    }
}
