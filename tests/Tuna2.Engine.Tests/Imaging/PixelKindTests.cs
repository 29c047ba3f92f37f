using System.Buffers.Binary;
using NUnit.Framework;
using SkiaSharp;
using Tuna2.Engine.Imaging;

namespace Tuna2.Engine.Tests.Imaging;

/// <summary>What pixels may be stored as: bits, grey, palettes, alpha.</summary>
public class PixelKindTests
{
    [Test]
    public void One_bit_is_black_or_white() =>
        Assert.That(Greys(TestPictures.RawPng(0, 1, 10, 1, [0, 0b10101010, 0b11000000])), Is.EqualTo(new byte[] { 255, 0, 255, 0, 255, 0, 255, 0, 255, 255 }));

    [Test]
    public void Two_and_four_bits_fill_the_range()
    {
        Assert.That(Greys(TestPictures.RawPng(0, 2, 4, 1, [0, 0b00_01_10_11])), Is.EqualTo(new byte[] { 0, 85, 170, 255 }));
        Assert.That(Greys(TestPictures.RawPng(0, 4, 2, 1, [0, 0x3f])), Is.EqualTo(new byte[] { 51, 255 }));
    }

    [TestCase(0, 1)]
    [TestCase(2, 3)]
    [TestCase(4, 2)]
    [TestCase(6, 4)]
    public void Sixteen_bits_keep_their_high_byte(byte colourType, int channels)
    {
        ushort[] samples = [0, 255, 256, 0x1234, 0x7fff, 0x8000, 0xfeff, 0xff00, 0xffff];
        var row = new byte[1 + samples.Length * channels * 2];
        for (var i = 0; i < samples.Length * channels; i++)
            BinaryPrimitives.WriteUInt16BigEndian(row.AsSpan(1 + 2 * i), channels % 2 == 0 && i % channels == channels - 1 ? (ushort)0xffff : samples[i / channels]);
        Assert.That(Greys(TestPictures.RawPng(colourType, 16, samples.Length, 1, row)), Is.EqualTo(samples.Select(sample => (byte)(sample >> 8))));
    }

    [Test]
    public void Grey_of_sixteen_bits_with_alpha_shows_white_behind_it()
    {
        // Half covered: 0x80 of 0x40 over white is (64 x 128 + 255 x 127) / 255 = 159.
        byte[] row = [0, 0x40, 0, 0x80, 0, 0x40, 0, 0, 0, 0x40, 0, 0xff, 0xff];
        Assert.That(Greys(TestPictures.RawPng(4, 16, 3, 1, row)), Is.EqualTo(new byte[] { 159, 255, 64 }));
    }

    [Test]
    public void Every_colour_under_every_alpha_is_the_nearest_to_its_share_over_white()
    {
        var row = new byte[1 + 256 * 256 * 4];
        for (var i = 0; i < 256 * 256; i++)
            (row[1 + 4 * i], row[2 + 4 * i], row[3 + 4 * i], row[4 + 4 * i]) = ((byte)i, (byte)(255 - i), 77, (byte)(i >> 8));
        // A row of 65,536 pixels is too long: 256 rows of 256.
        var rows = Enumerable.Range(0, 256).SelectMany(y => row.Skip(1 + y * 1024).Take(1024).Prepend((byte)0)).ToArray();
        var png = TestPictures.RawPng(6, 8, 256, 256, rows);
        var (over, stored) = (RgbImage.FromBytes(png), RgbImage.FromBytes(png, options: ImageReadOptions.AsStored));
        for (var i = 0; i < 256 * 256; i++)
        {
            var pixel = over.Pixels.Span.Slice(3 * i, 3);
            var (c, a) = (i & 255, i >> 8);
            Assert.That(pixel[0], Is.EqualTo(Math.Round((c * a + 255.0 * (255 - a)) / 255)));
            Assert.That(pixel[1], Is.EqualTo(Math.Round(((255 - c) * a + 255.0 * (255 - a)) / 255)));
            Assert.That(stored.Pixels.Span.Slice(3 * i, 3).ToArray(), Is.EqualTo(new[] { (byte)c, (byte)(255 - c), (byte)77 }), "as stored, the colour under the alpha");
        }
    }

    [Test]
    public void A_palette_with_transparent_entries_shows_white_behind_them()
    {
        var png = TestPictures.RawPng(3, 8, 3, 1, [0, 0, 1, 2], ("PLTE", [1, 2, 3, 4, 5, 6, 7, 8, 9]), ("tRNS", [0, 51]));
        Assert.That(RgbImage.FromBytes(png).Pixels.ToArray(), Is.EqualTo(new byte[] { 255, 255, 255, 205, 205, 205, 7, 8, 9 }));
        Assert.That(RgbImage.FromBytes(png, options: ImageReadOptions.AsStored).Pixels.ToArray(), Is.EqualTo(new byte[] { 1, 2, 3, 4, 5, 6, 7, 8, 9 }));
    }

    [Test]
    public void A_colour_that_stands_for_transparency_is_white()
    {
        Assert.That(RgbImage.FromBytes(TestPictures.RawPng(2, 8, 2, 1, [0, 1, 2, 3, 4, 5, 6], ("tRNS", [0, 1, 0, 2, 0, 3]))).Pixels.ToArray(), Is.EqualTo(new byte[] { 255, 255, 255, 4, 5, 6 }));
        Assert.That(Greys(TestPictures.RawPng(0, 1, 2, 1, [0, 0b01000000], ("tRNS", [0, 0]))), Is.EqualTo(new byte[] { 255, 255 }));
        Assert.That(Greys(TestPictures.RawPng(0, 16, 2, 1, [0, 0x12, 0x34, 0x12, 0x35], ("tRNS", [0x12, 0x34]))), Is.EqualTo(new byte[] { 255, 0x12 }), "compared before the low byte goes");
    }

    [Test]
    public void Transparent_pixels_of_a_gif_and_a_webp_are_white()
    {
        byte[] gif = [.. "GIF89a"u8, 1, 0, 1, 0, 0x80, 0, 0, 9, 8, 7, 200, 100, 50,
            0x21, 0xf9, 4, 1, 0, 0, 1, 0, 0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x4c, 0x01, 0, 0x3b];
        Assert.That(RgbImage.FromBytes(gif).Pixels.ToArray(), Is.All.EqualTo(255));

        using var bitmap = new SKBitmap(new SKImageInfo(2, 1, SKColorType.Rgba8888, SKAlphaType.Unpremul));
        new byte[] { 10, 20, 30, 0, 40, 50, 60, 255 }.CopyTo(bitmap.GetPixelSpan());
        using var pixels = bitmap.PeekPixels()!;
        using var webp = pixels.Encode(new SKWebpEncoderOptions(SKWebpEncoderCompression.Lossless, 50))!;
        Assert.That(RgbImage.FromBytes(webp.ToArray()).Pixels.ToArray(), Is.EqualTo(new byte[] { 255, 255, 255, 40, 50, 60 }));
    }

    [Test]
    public void An_animation_gives_its_first_frame()
    {
        byte[] frame = [0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2];
        byte[] gif = [.. "GIF89a"u8, 1, 0, 1, 0, 0x80, 0, 0, 9, 8, 7, 200, 100, 50, .. frame, 0x4c, 0x01, 0, .. frame, 0x44, 0x01, 0, 0x3b];
        Assert.That(RgbImage.FromBytes(gif).Pixels.ToArray(), Is.EqualTo(new byte[] { 200, 100, 50 }));
    }

    /// <summary>The red of each pixel of a picture that is grey.</summary>
    private static byte[] Greys(byte[] file)
    {
        var pixels = RgbImage.FromBytes(file).Pixels.ToArray();
        for (var i = 0; i < pixels.Length; i++)
            Assert.That(pixels[i], Is.EqualTo(pixels[i / 3 * 3]), "grey");
        return [.. pixels.Where((_, i) => i % 3 == 0)];
    }
}
