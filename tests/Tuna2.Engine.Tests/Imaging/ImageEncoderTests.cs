using NUnit.Framework;
using SkiaSharp;
using Tuna2.Engine.Imaging;

namespace Tuna2.Engine.Tests.Imaging;

/// <summary>Pictures written as PNG, JPEG and WebP, with texts.</summary>
public class ImageEncoderTests
{
    private static readonly KeyValuePair<string, string>[] s_texts =
    [
        new("parameters", "ein Fisch: 鮪 🐟, a café\nNegative prompt: blurry\nSteps: 50, Seed: 7"),
        new("tuna2", """{"prompt":"a \u0022fish\u0022"}"""),
        new("note", "Grüße"),
    ];

    [TestCase("a.png", ImageFormat.Png)]
    [TestCase("A.PNG", ImageFormat.Png)]
    [TestCase("no ending", ImageFormat.Png)]
    [TestCase("a.jpg", ImageFormat.Jpeg)]
    [TestCase("a.JPEG", ImageFormat.Jpeg)]
    [TestCase("a.b.Jpg", ImageFormat.Jpeg)]
    [TestCase("ein Fisch 鮪.webp", ImageFormat.Webp)]
    public void The_ending_says_what_is_written(string name, ImageFormat format)
    {
        using var folder = new TemporaryDirectory();
        TestPictures.Waves(20, 10).Save(folder.File(name));
        Assert.That(ImageFormats.OfContent(File.ReadAllBytes(folder.File(name))), Is.EqualTo(format));
        Assert.That(Directory.GetFiles(folder.Path), Has.Length.EqualTo(1));
    }

    [Test]
    public void An_ending_nobody_knows_is_refused_and_one_that_is_asked_for_is_not()
    {
        using var folder = new TemporaryDirectory();
        Assert.That(() => TestPictures.Noise(2, 2).Save(folder.File("a.tiff")), Throws.TypeOf<RequestException>().With.Message.Contains("a.tiff").And.Message.Contains(".webp"));
        Assert.That(Directory.GetFiles(folder.Path), Is.Empty);
        TestPictures.Noise(2, 2).Save(folder.File("v1.5"), ImageFormat.Jpeg);
        Assert.That(ImageFormats.OfContent(File.ReadAllBytes(folder.File("v1.5"))), Is.EqualTo(ImageFormat.Jpeg));
    }

    [TestCase(1, 1)]
    [TestCase(1, 33)]
    [TestCase(64, 48)]
    public void A_webp_of_quality_100_is_exact(int width, int height)
    {
        var image = TestPictures.Noise(width, height);
        CoverCropTests.AssertSame(RgbImage.FromBytes(image.Encode(ImageFormat.Webp, new() { Quality = 100 })), image);
        CoverCropTests.AssertSame(RgbImage.FromBytes(image.Encode(ImageFormat.Webp, new() { Quality = 100, Text = s_texts })), image);
    }

    [TestCase(ImageFormat.Jpeg)]
    [TestCase(ImageFormat.Webp)]
    public void More_quality_is_nearer_and_longer(ImageFormat format)
    {
        var image = TestPictures.Waves(96, 96);
        var (last, length) = (0.0, 0);
        foreach (var quality in new[] { 10, 50, 90, 99 })
        {
            var bytes = image.Encode(format, new() { Quality = quality });
            var psnr = ImageQuality.Psnr(RgbImage.FromBytes(bytes), image);
            Assert.That(psnr, Is.GreaterThan(last), $"quality {quality}");
            Assert.That(bytes, Has.Length.GreaterThan(length));
            (last, length) = (psnr, bytes.Length);
        }
        Assert.That(last, Is.GreaterThan(35));
    }

    [Test]
    public void A_jpeg_keeps_the_full_resolution_of_colour_from_quality_90_on()
    {
        // Red and blue columns: with halved colour they run into each other.
        var pixels = new byte[32 * 32 * 3];
        for (var i = 0; i < 32 * 32; i++)
            pixels[3 * i + (i % 2 == 0 ? 0 : 2)] = 255;
        var image = new RgbImage(32, 32, pixels);
        Assert.That(ImageQuality.Psnr(RgbImage.FromBytes(image.Encode(ImageFormat.Jpeg)), image), Is.GreaterThan(25));
        Assert.That(ImageQuality.Psnr(RgbImage.FromBytes(image.Encode(ImageFormat.Jpeg, new() { Quality = 89 })), image), Is.LessThan(15));
    }

    [TestCase(0)]
    [TestCase(101)]
    [TestCase(-5)]
    public void A_quality_out_of_range_is_refused([Values] ImageFormat format, int quality) =>
        Assert.That(() => TestPictures.Noise(2, 2).Encode(format, new() { Quality = quality }), Throws.TypeOf<RequestException>().With.Message.Contains($"not {quality}"));

    [Test]
    public void A_format_that_is_none_is_refused() => Assert.That(() => TestPictures.Noise(2, 2).Encode((ImageFormat)7), Throws.TypeOf<RequestException>());

    [Test]
    public void Texts_come_back_from_every_format([Values] ImageFormat format, [Values(1, 2)] int width)
    {
        var file = TestPictures.Noise(width, 3).Encode(format, new() { Text = s_texts });
        Assert.That(ImageText.FromBytes(file).OrderBy(text => text.Key), Is.EqualTo(s_texts.OrderBy(text => text.Key)));
        Assert.That(RgbImage.FromBytes(file).Width, Is.EqualTo(width), "and the picture is still one");
        using var codec = SKCodec.Create(new SKMemoryStream(file));
        Assert.That(codec.EncodedOrigin, Is.EqualTo(SKEncodedOrigin.TopLeft));
        Assert.That(ImageText.FromBytes(TestPictures.Noise(width, 3).Encode(format)), Is.Empty);
    }

    [Test]
    public void The_user_comment_is_written_as_picture_tools_expect_it()
    {
        var tiff = Exif.Build([new("parameters", "Aé")]);
        Assert.That(tiff.AsSpan().StartsWith("MM\0*"u8), Is.True);
        Assert.That(tiff.AsSpan().IndexOf((byte[])[.. "UNICODE\0"u8, 0, (byte)'A', 0, 0xe9]), Is.Positive);
        Assert.That(tiff.AsSpan().IndexOf("Tuna2.Engine\0"u8), Is.Positive, "the software that made it");
    }

    [TestCase("UNICODE\0", "utf-16LE", true)]
    [TestCase("UNICODE\0", "utf-16BE", true)]
    [TestCase("UNICODE\0", "utf-16LE", false)]
    [TestCase("UNICODE\0", "utf-16BE", false)]
    [TestCase("ASCII\0\0\0", "utf-8", true)]
    [TestCase("\0\0\0\0\0\0\0\0", "utf-8", false)]
    public void User_comments_of_other_tools_are_read(string charset, string encoding, bool little)
    {
        const string comment = "a prompt\nSteps: 20, Seed: 1";
        byte[] data = [.. System.Text.Encoding.ASCII.GetBytes(charset), .. System.Text.Encoding.GetEncoding(encoding).GetBytes(comment)];
        var length = (byte)data.Length;
        byte[] tiff = little
            ? [.. "II*\0"u8, 8, 0, 0, 0, 1, 0, 0x69, 0x87, 4, 0, 1, 0, 0, 0, 26, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0x86, 0x92, 7, 0, length, 0, 0, 0, 44, 0, 0, 0, 0, 0, 0, 0, .. data]
            : [.. "MM\0*"u8, 0, 0, 0, 8, 0, 1, 0x87, 0x69, 0, 4, 0, 0, 0, 1, 0, 0, 0, 26, 0, 0, 0, 0, 0, 1, 0x92, 0x86, 0, 7, 0, 0, 0, length, 0, 0, 0, 44, 0, 0, 0, 0, .. data];
        var file = JpegExif.Insert(TestPictures.Noise(3, 3).Encode(ImageFormat.Jpeg), tiff);
        Assert.That(ImageText.FromBytes(file), Is.EqualTo(new KeyValuePair<string, string>[] { new("parameters", comment) }));
    }

    [Test]
    public void A_text_too_long_for_a_jpeg_is_refused_and_the_others_hold_it()
    {
        KeyValuePair<string, string>[] texts = [new("tuna2", new string('x', 70_000))];
        Assert.That(() => TestPictures.Noise(2, 2).Encode(ImageFormat.Jpeg, new() { Text = texts }), Throws.TypeOf<ImageException>().With.Message.Contains("65533"));
        foreach (var format in new[] { ImageFormat.Png, ImageFormat.Webp })
            Assert.That(ImageText.FromBytes(TestPictures.Noise(2, 2).Encode(format, new() { Text = texts })), Is.EqualTo(texts));
    }

    [Test]
    public void A_text_with_a_null_in_it_is_refused([Values] ImageFormat format) =>
        Assert.That(() => TestPictures.Noise(2, 2).Encode(format, new() { Text = [new("k", "a\0b")] }), Throws.TypeOf<ImageException>());

    [Test]
    public void A_picture_too_wide_for_webp_is_refused() =>
        Assert.That(() => TestPictures.Noise(16384, 1).Encode(ImageFormat.Webp), Throws.TypeOf<ImageException>().With.Message.Contains("16383"));

    [Test]
    public void Texts_are_looked_for_in_pictures_that_have_them_only()
    {
        Assert.That(() => ImageText.FromBytes("BM and more"u8.ToArray(), "a.bmp"), Throws.TypeOf<ImageException>().With.Message.StartsWith("a.bmp: "));
        Assert.That(() => ImageText.FromBytes(default, "a.png"), Throws.TypeOf<ImageException>().With.Message.EqualTo("a.png: empty"));
    }
}
