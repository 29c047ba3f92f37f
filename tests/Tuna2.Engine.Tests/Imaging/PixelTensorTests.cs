using NUnit.Framework;
using Tuna2.Engine.Imaging;

namespace Tuna2.Engine.Tests.Imaging;

public class PixelTensorTests
{
    [Test]
    public void Every_level_is_b_over_127_5_less_1_to_the_bit()
    {
        var levels = new byte[256 * 3];
        for (var i = 0; i < levels.Length; i++) levels[i] = (byte)(i / 3);
        var planes = PixelTensor.FromImage(new RgbImage(256, 1, levels));
        for (var b = 0; b < 256; b++)
        {
            // torchvision's way, ToTensor then Normalize: other operations, the same bits.
            var torchvision = ((float)b / 255f - 0.5f) / 0.5f;
            Assert.That(planes[b], Is.EqualTo(torchvision), $"byte {b}");
            Assert.That(planes[512 + b], Is.EqualTo(planes[b]));
        }
    }

    [Test]
    public void Planes_are_red_green_blue()
        => Assert.That(PixelTensor.FromImage(new RgbImage(2, 1, new byte[] { 255, 0, 0, 0, 0, 255 })),
            Is.EqualTo(new float[] { 1, -1, -1, -1, -1, 1 }));

    [Test]
    public void Saving_truncates_and_clamps()
    {
        // (0.5 + 1) / 2 * 255 = 191.25; 0.499 is 191.12; -0.9999 is 0.01; 0.99999 is 254.9987.
        float[] values = [0.5f, -0.9999f, 0.99999f, 1f, 7f, -7f];
        Assert.That(Bytes(values), Is.EqualTo(new byte[] { 191, 0, 254, 255, 255, 0 }));
    }

    [Test]
    public void What_is_not_a_number_is_black_and_infinities_are_the_ends()
        => Assert.That(Bytes(float.NaN, float.PositiveInfinity, float.NegativeInfinity), Is.EqualTo(new byte[] { 0, 255, 0 }));

    [Test]
    public void A_picture_comes_back_at_most_one_level_darker()
    {
        // Truncation, the official way, can lose a level when the float lands just below the byte; it never gains one.
        var image = TestPictures.Noise(64, 64);
        var back = PixelTensor.ToImage(PixelTensor.FromImage(image), 64, 64);
        for (var i = 0; i < image.Pixels.Length; i++)
            Assert.That(image.Pixels.Span[i] - back.Pixels.Span[i], Is.InRange(0, 1));
    }

    [Test]
    public void Stretching_fills_the_range()
    {
        float[] values = [2f, 3f, 4f];
        PixelTensor.StretchRange(values);
        Assert.That(values[0], Is.EqualTo(-1f));
        Assert.That(values[1], Is.EqualTo(0f).Within(1e-5));
        Assert.That(values[2], Is.EqualTo(1f).Within(2e-5).And.LessThan(1f), "the 1e-5 in the denominator keeps it below 1");
    }

    [Test]
    public void Stretching_a_constant_gives_black()
    {
        float[] values = [3f, 3f];
        PixelTensor.StretchRange(values);
        Assert.That(values, Is.All.EqualTo(-1f));
    }

    [Test]
    public void Planes_of_another_size_are_refused()
    {
        Assert.That(() => PixelTensor.ToImage(new float[11], 2, 2), Throws.ArgumentException);
        Assert.That(() => PixelTensor.FromImage(TestPictures.Noise(2, 2), new float[11]), Throws.ArgumentException);
        Assert.That(() => PixelTensor.ToImage([], 0, 0), Throws.TypeOf<ImageException>());
    }

    /// <summary>The values in the red plane, as bytes.</summary>
    private static byte[] Bytes(params float[] values)
    {
        var planes = new float[values.Length * 3];
        values.CopyTo(planes, 0);
        var image = PixelTensor.ToImage(planes, values.Length, 1);
        return [.. Enumerable.Range(0, values.Length).Select(i => image.Pixels.Span[i * 3])];
    }
}
