using System.Buffers.Binary;
using System.Diagnostics;
using NUnit.Framework;
using SkiaSharp;
using Tuna2.Engine.Imaging;

namespace Tuna2.Engine.Tests.Imaging;

public class RgbImageTests
{
    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("tuna2-images-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [TestCase(0, 1, 0)]
    [TestCase(1, -1, 3)]
    [TestCase(32769, 1, 98307)]
    [TestCase(2, 2, 11)]
    public void A_size_that_cannot_be_is_refused(int width, int height, int bytes)
        => Assert.That(() => new RgbImage(width, height, new byte[bytes]), Throws.TypeOf<ImageException>());

    [TestCase(SKEncodedImageFormat.Jpeg, 3.0)]
    [TestCase(SKEncodedImageFormat.Webp, 4.0)]
    [TestCase(SKEncodedImageFormat.Png, 0.0)]
    public void Formats_are_told_apart_by_content_whatever_the_name(SKEncodedImageFormat format, double largestMeanError)
    {
        var image = TestPictures.Waves(50, 40);
        var path = Save("picture.tiff", TestPictures.Encode(image, format));
        var read = RgbImage.Load(path);
        Assert.That((read.Width, read.Height), Is.EqualTo((50, 40)));
        var error = 0.0;
        for (var i = 0; i < read.Pixels.Length; i++)
            error += Math.Abs(read.Pixels.Span[i] - image.Pixels.Span[i]);
        Assert.That(error / read.Pixels.Length, Is.LessThanOrEqualTo(largestMeanError));
    }

    [Test]
    public void A_bmp_is_read()
    {
        // 2x1 pixels of 24 bits, blue first, the row padded to 8 bytes.
        var file = new byte[62];
        "BM"u8.CopyTo(file);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(2), file.Length);
        file[10] = 54;
        file[14] = 40;
        file[18] = 2;
        file[22] = 1;
        file[26] = 1;
        file[28] = 24;
        new byte[] { 1, 2, 3, 4, 5, 6 }.CopyTo(file, 54);
        Assert.That(RgbImage.FromBytes(file).Pixels.ToArray(), Is.EqualTo(new byte[] { 3, 2, 1, 6, 5, 4 }));
    }

    [Test]
    public void A_gif_gives_its_first_frame()
    {
        // 1x1, two colours in the global table, one frame of colour 1.
        byte[] file = [.. "GIF89a"u8, 1, 0, 1, 0, 0x80, 0, 0, 9, 8, 7, 200, 100, 50,
            0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x4c, 0x01, 0, 0x3b];
        Assert.That(RgbImage.FromBytes(file).Pixels.ToArray(), Is.EqualTo(new byte[] { 200, 100, 50 }));
    }

    [Test]
    public void Grey_becomes_three_equal_channels()
    {
        var png = TestPictures.RawPng(colourType: 0, bits: 8, width: 2, height: 1, [0, 77, 200]);
        Assert.That(RgbImage.FromBytes(png).Pixels.ToArray(), Is.EqualTo(new byte[] { 77, 77, 77, 200, 200, 200 }));
    }

    [Test]
    public void A_palette_of_four_colours_is_looked_up()
    {
        var png = TestPictures.RawPng(colourType: 3, bits: 2, width: 4, height: 1,
            [0, 0b00_01_10_11], ("PLTE", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]));
        Assert.That(RgbImage.FromBytes(png).Pixels.ToArray(), Is.EqualTo(new byte[] { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 }));
    }

    [Test]
    public void A_gamma_or_profile_hint_does_not_change_the_bytes()
    {
        var png = TestPictures.RawPng(colourType: 2, bits: 8, width: 1, height: 1, [0, 10, 120, 230], ("gAMA", [0, 0, 0xb1, 0x8f]));
        Assert.That(RgbImage.FromBytes(png).Pixels.ToArray(), Is.EqualTo(new byte[] { 10, 120, 230 }));
    }

    [Test]
    public void A_cmyk_jpeg_is_converted_as_pil_does()
    {
        // One 8x8 block, four components of level 128 (every coefficient 0), stored inverted as Adobe does: 128 x 128 / 255 = 64.
        byte[] quantisation = [0xff, 0xdb, 0, 67, 0, .. Enumerable.Repeat((byte)1, 64)];
        byte[] oneCode = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        byte[] file =
        [
            0xff, 0xd8, 0xff, 0xee, 0, 14, .. "Adobe"u8, 0, 100, 0, 0, 0, 0, 0, .. quantisation,
            0xff, 0xc0, 0, 20, 8, 0, 8, 0, 8, 4, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0, 4, 0x11, 0,
            0xff, 0xc4, 0, 20, 0x00, .. oneCode, 0xff, 0xc4, 0, 20, 0x10, .. oneCode,
            0xff, 0xda, 0, 14, 4, 1, 0, 2, 0, 3, 0, 4, 0, 0, 63, 0, 0x00, 0xff, 0xd9,
        ];
        Assert.That(RgbImage.FromBytes(file).Pixels.ToArray(), Is.EqualTo(Enumerable.Repeat((byte)64, 8 * 8 * 3)));
    }

    // Corners of the stored picture: 0 top left, 1 top right, 2 bottom left, 3 bottom right; expected at the top of the upright one.
    private static readonly (int TopLeft, int TopRight)[] _upright = [(0, 1), (1, 0), (3, 2), (2, 3), (0, 2), (2, 0), (3, 1), (1, 3)];

    [Test, Combinatorial]
    public void The_exif_orientation_is_applied_unless_the_picture_is_asked_for_as_stored(
        [Values] ImageFormat format, [Range(1, 8)] int orientation, [Values] bool little)
    {
        byte[] levels = [20, 90, 160, 230];
        var pixels = new byte[32 * 16 * 3];
        for (var i = 0; i < pixels.Length; i++)
            pixels[i] = levels[(i / 3 % 32 >= 16 ? 1 : 0) + (i / 3 / 32 >= 8 ? 2 : 0)];
        var plain = new RgbImage(32, 16, pixels).Encode(format, new() { Quality = 100 });
        var tagged = WithOrientation(plain, format, TestPictures.OrientationTiff((byte)orientation, little));

        CoverCropTests.AssertSame(RgbImage.FromBytes(tagged, options: ImageReadOptions.AsStored), RgbImage.FromBytes(plain));
        var upright = RgbImage.FromBytes(tagged);
        Assert.That((upright.Width, upright.Height), Is.EqualTo(orientation >= 5 ? (16, 32) : (32, 16)));
        Assert.That(upright.Row(0)[0], Is.EqualTo(levels[_upright[orientation - 1].TopLeft]).Within(2));
        Assert.That(upright.Row(0)[^1], Is.EqualTo(levels[_upright[orientation - 1].TopRight]).Within(2));
    }

    [TestCase(0)]
    [TestCase(9)]
    [TestCase(255)]
    public void An_orientation_that_is_none_is_passed_over(byte orientation)
    {
        var png = TestPictures.Png(TestPictures.Noise(5, 3));
        CoverCropTests.AssertSame(RgbImage.FromBytes(WithOrientation(png, ImageFormat.Png, TestPictures.OrientationTiff(orientation, little: false))), RgbImage.FromBytes(png));
    }

    [Test, Combinatorial]
    public void Damaged_exif_never_keeps_a_picture_from_being_read([Values] ImageFormat format, [Values] bool cut)
    {
        var image = TestPictures.Noise(9, 7);
        var plain = image.Encode(format, new() { Quality = 100 });
        var expected = RgbImage.FromBytes(plain);
        var tiff = Exif.Build([new("parameters", "a prompt"), new("tuna2", "{}")]);
        var random = new Random(3);
        for (var i = 0; i < 300; i++)
        {
            var bad = cut ? tiff[..random.Next(tiff.Length)] : [.. tiff];
            for (var n = 0; !cut && n < 6; n++)
                bad[random.Next(bad.Length)] = (byte)(random.Next(4) == 0 ? 255 : random.Next(256));
            var file = WithOrientation(plain, format, bad);
            Assert.That(RgbImage.FromBytes(file).Pixels.Length, Is.EqualTo(expected.Pixels.Length));
            Assert.That(() => ImageText.FromBytes(file), Throws.Nothing);
        }
    }

    private static byte[] WithOrientation(byte[] file, ImageFormat format, byte[] tiff)
    {
        switch (format)
        {
            case ImageFormat.Jpeg:
                return JpegExif.Insert(file, tiff);
            case ImageFormat.Webp:
                var image = RgbImage.FromBytes(file);
                return WebpExif.Insert(file, tiff, image.Width, image.Height);
            default:
                // Behind the picture data, which the standard allows too.
                using (var png = new MemoryStream())
                {
                    png.Write(file.AsSpan(..^12));
                    PngChunk.Write(png, "eXIf", tiff);
                    PngChunk.Write(png, "IEND", []);
                    return png.ToArray();
                }
        }
    }

    [Test]
    public void A_missing_file_is_named()
    {
        var path = Path.Combine(_folder, "absent.png");
        Assert.That(() => RgbImage.Load(path), Throws.TypeOf<ImageException>().With.Message.EqualTo($"{path}: no such file"));
    }

    [Test]
    public void A_folder_is_not_a_picture()
        => Assert.That(() => RgbImage.Load(_folder),
            Throws.TypeOf<ImageException>().With.Message.EqualTo($"{_folder}: a folder, not a picture"));

    [Test]
    public void An_impossible_path_is_refused()
        => Assert.That(() => RgbImage.Load("a\0b"), Throws.TypeOf<ImageException>());

    [Test]
    public void An_empty_file_is_named()
    {
        var path = Save("empty.png", []);
        Assert.That(() => RgbImage.Load(path), Throws.TypeOf<ImageException>().With.Message.EqualTo($"{path}: empty"));
    }

    [Test]
    public void What_is_no_picture_says_what_is_expected()
    {
        byte[] tiff = [.. "II*\0"u8, 8, 0, 0, 0, 0, 0];
        foreach (var content in new[] { tiff, [0], "<html></html>"u8.ToArray(), [0, 0, 5, 5, 1, 1, 1, 1, 1] })
        {
            var path = Save("really.png", content);
            Assert.That(() => RgbImage.Load(path), Throws.TypeOf<ImageException>()
                .With.Message.EqualTo($"{path}: not a picture (PNG, JPEG, WebP, BMP or GIF expected)"));
        }
    }

    [TestCase(SKEncodedImageFormat.Png)]
    [TestCase(SKEncodedImageFormat.Jpeg)]
    [TestCase(SKEncodedImageFormat.Webp)]
    public void A_file_cut_off_anywhere_is_an_error_that_names_it(SKEncodedImageFormat format)
    {
        var whole = TestPictures.Encode(TestPictures.Waves(64, 64), format, 80);
        foreach (var kept in new[] { 12, 40, whole.Length / 4, whole.Length / 2, whole.Length * 3 / 4 })
            Assert.That(() => RgbImage.FromBytes(whole.AsMemory(0, kept), "cut.bin"),
                Throws.TypeOf<ImageException>().With.Message.StartsWith("cut.bin: "), $"{kept} of {whole.Length} bytes");
    }

    [Test]
    public void Half_a_png_ends_early()
    {
        var whole = TestPictures.Png(TestPictures.Noise(64, 64));
        Assert.That(() => RgbImage.FromBytes(whole.AsMemory(0, whole.Length / 2), "half.png"),
            Throws.TypeOf<ImageException>().With.Message.EqualTo("half.png: the picture ends early"));
    }

    [Test]
    public void A_png_whose_picture_data_are_damaged_is_an_error()
    {
        var file = TestPictures.Png(TestPictures.Noise(64, 64));
        file[file.Length / 2] ^= 0x55;
        Assert.That(() => RgbImage.FromBytes(file, "bad.png"), Throws.TypeOf<ImageException>().With.Message.StartsWith("bad.png: "));
    }

    [TestCase(30000, 30000)]
    [TestCase(40000, 1)]
    [TestCase(1, 32769)]
    public void A_picture_too_large_is_refused_from_its_header(int width, int height)
    {
        var png = TestPictures.RawPng(colourType: 2, bits: 8, width, height, [0]);
        var (memory, time) = (GC.GetAllocatedBytesForCurrentThread(), Environment.CpuUsage.TotalTime);
        Assert.That(() => RgbImage.FromBytes(png, "bomb.png"),
            Throws.TypeOf<ImageException>().With.Message.StartsWith($"bomb.png: {width}x{height} pixels"));
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - memory, Is.LessThan(10_000_000));
        // What the processor did, not what the clock says: on a busy machine others take their time.
        Assert.That(Environment.CpuUsage.TotalTime - time, Is.LessThan(TimeSpan.FromSeconds(2)));
    }

    [Test]
    public void Random_bytes_after_a_signature_never_do_worse_than_an_error()
    {
        byte[][] signatures = [[0x89,
            .. "PNG\r\n\x1a\n"u8], [0xff, 0xd8, 0xff], [.. "RIFF\0\0\0\0WEBP"u8], "BM"u8.ToArray(), "GIF89a"u8.ToArray()];
        var random = new Random(5);
        foreach (var signature in signatures)
        {
            for (var i = 0; i < 50; i++)
            {
                byte[] file = [.. signature, .. new byte[random.Next(200)]];
                random.NextBytes(file.AsSpan(signature.Length));
                try
                {
                    RgbImage.FromBytes(file);
                }
                catch (Exception e)
                {
                    Assert.That(e, Is.TypeOf<ImageException>());
                }
            }
        }
    }

    private string Save(string name, byte[] content)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllBytes(path, content);
        return path;
    }
}
