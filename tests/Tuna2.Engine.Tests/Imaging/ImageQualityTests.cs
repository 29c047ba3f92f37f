using NUnit.Framework;
using Tuna2.Engine.Imaging;

namespace Tuna2.Engine.Tests.Imaging;

public class ImageQualityTests
{
    [Test]
    public void Identical_pictures_are_infinitely_near_and_wholly_similar()
    {
        var image = TestPictures.Noise(20, 16);
        Assert.That(ImageQuality.Psnr(image, image), Is.EqualTo(double.PositiveInfinity));
        Assert.That(ImageQuality.Ssim(image, image), Is.EqualTo(1.0).Within(1e-12));
    }

    [Test]
    public void Psnr_is_ten_times_the_logarithm_of_255_squared_over_the_mean_square()
    {
        Assert.That(ImageQuality.Psnr(Flat(0), Flat(255)), Is.EqualTo(0.0).Within(1e-12));
        Assert.That(ImageQuality.Psnr(Flat(100), Flat(101)), Is.EqualTo(48.1308036).Within(1e-6));
    }

    [Test]
    public void Flat_pictures_are_compared_by_their_means_alone()
    {
        const double C1 = 2.55 * 2.55;
        var expected = (2.0 * 100 * 150 + C1) / (100.0 * 100 + 150.0 * 150 + C1);
        Assert.That(ImageQuality.Ssim(Flat(100), Flat(150)), Is.EqualTo(expected).Within(1e-9));
    }

    [TestCase(23, 17)]
    [TestCase(11, 11)]
    [TestCase(12, 5)]
    [TestCase(1, 1)]
    [TestCase(1, 40)]
    public void Ssim_is_the_published_formula_window_by_window(int width, int height)
    {
        var (a, b) = (TestPictures.Waves(width, height), TestPictures.Noise(width, height, 3));
        Assert.That(ImageQuality.Ssim(a, b), Is.EqualTo(DirectSsim(a, b)).Within(1e-9));
    }

    [Test]
    public void More_noise_is_less_alike()
    {
        var image = TestPictures.Waves(64, 64);
        var (little, much) = (Disturb(image, 4), Disturb(image, 40));
        Assert.That(ImageQuality.Psnr(image, little), Is.GreaterThan(ImageQuality.Psnr(image, much) + 15));
        Assert.That(ImageQuality.Ssim(image, little), Is.GreaterThan(ImageQuality.Ssim(image, much) + 0.1));
    }

    [Test]
    public void Pictures_of_two_sizes_are_not_compared()
    {
        Assert.That(() => ImageQuality.Psnr(TestPictures.Noise(4, 6), TestPictures.Noise(6, 4)), Throws.TypeOf<ImageException>());
        Assert.That(() => ImageQuality.Ssim(TestPictures.Noise(4, 6), TestPictures.Noise(6, 4)), Throws.TypeOf<ImageException>());
    }

    private static RgbImage Flat(byte level) => new(16, 16, Enumerable.Repeat(level, 16 * 16 * 3).ToArray());

    private static RgbImage Disturb(RgbImage image, int amount)
    {
        var random = new Random(9);
        return new RgbImage(image.Width, image.Height,
            image.Pixels.ToArray().Select(b => (byte)Math.Clamp(b + random.Next(-amount, amount + 1), 0, 255)).ToArray());
    }

    /// <summary>Each window on its own, by central moments: slow, and nothing shared with the code under test.</summary>
    private static double DirectSsim(RgbImage a, RgbImage b)
    {
        var (columns, rows) = (Math.Min(11, a.Width), Math.Min(11, a.Height));
        var (sum, count) = (0.0, 0);
        for (var top = 0; top + rows <= a.Height; top++)
        {
            for (var left = 0; left + columns <= a.Width; left++)
            {
                var window = (from y in Enumerable.Range(0, rows)
                              from x in Enumerable.Range(0, columns)
                              let dx = x - (columns - 1) / 2.0
                              let dy = y - (rows - 1) / 2.0
                              let weight = Math.Exp(-(dx * dx + dy * dy) / 4.5)
                              select (W: weight, A: Luminance(a, left + x, top + y), B: Luminance(b, left + x, top + y))).ToList();
                var total = window.Sum(p => p.W);
                var (ma, mb) = (window.Sum(p => p.W * p.A) / total, window.Sum(p => p.W * p.B) / total);
                var va = window.Sum(p => p.W * (p.A - ma) * (p.A - ma)) / total;
                var vb = window.Sum(p => p.W * (p.B - mb) * (p.B - mb)) / total;
                var cov = window.Sum(p => p.W * (p.A - ma) * (p.B - mb)) / total;
                sum += (2 * ma * mb + 6.5025) * (2 * cov + 58.5225) / ((ma * ma + mb * mb + 6.5025) * (va + vb + 58.5225));
                count++;
            }
        }
        return sum / count;
    }

    private static double Luminance(RgbImage image, int x, int y)
    {
        var pixel = image.Row(y).Slice(x * 3, 3);
        return 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];
    }
}
