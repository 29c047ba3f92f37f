using System.Buffers.Binary;
using System.IO.Compression;
using NUnit.Framework;
using SkiaSharp;
using Tuna2.Engine.Imaging;

namespace Tuna2.Engine.Tests.Imaging;

public class PngWriterTests
{
    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("tuna2-png-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [TestCase(1, 1)]
    [TestCase(1, 300)]
    [TestCase(300, 1)]
    [TestCase(127, 65)]
    public void What_is_written_decodes_to_the_same_bytes(int width, int height)
    {
        foreach (var image in new[] { TestPictures.Noise(width, height), TestPictures.Waves(width, height) })
        {
            var path = Path.Combine(_folder, "picture.png");
            image.Save(path, options: new() { Text = [new("parameters", "a prompt")] });
            CoverCropTests.AssertSame(RgbImage.Load(path), image);
        }
    }

    [Test]
    public void Filters_make_a_smooth_picture_much_smaller_than_its_bytes()
    {
        var image = TestPictures.Waves(512, 512);
        var unfiltered = new MemoryStream();
        using (var zlib = new ZLibStream(unfiltered, CompressionLevel.Optimal, leaveOpen: true)) zlib.Write(image.Pixels.Span);
        Assert.That(TestPictures.Png(image), Has.Length.LessThan(unfiltered.Length * 2 / 3));
        Assert.That(TestPictures.Png(image), Has.Length.LessThan(TestPictures.Encode(image, SKEncodedImageFormat.Png).Length * 1.1));
    }

    [Test]
    public void Texts_come_back_in_order_with_their_keywords()
    {
        KeyValuePair<string, string>[] texts =
        [
            new("parameters", "a café\nSteps: 50, Seed: 7"),
            new("prompt", "ein Fisch: 鮪 🐟"),
            new("prompt", "again"),
            new("empty", ""),
        ];
        var path = Path.Combine(_folder, "text.png");
        TestPictures.Noise(8, 8).Save(path, options: new() { Text = texts });
        Assert.That(ImageText.Read(path), Is.EqualTo(texts));
        var file = File.ReadAllBytes(path);
        Assert.That(file.AsSpan().IndexOf("tEXtparameters\0a caf\u00e9"u8[..^2]), Is.Positive);
        Assert.That(file.AsSpan().IndexOf("iTXtprompt\0\0\0\0\0ein Fisch: 鮪"u8), Is.Positive);
    }

    [Test]
    public void A_picture_without_text_has_none()
        => Assert.That(Read(TestPictures.Png(TestPictures.Noise(4, 4))), Is.Empty);

    [Test]
    public void Compressed_texts_are_read_too()
    {
        byte[] text = Deflate("deflated"u8.ToArray());
        var file = WithChunks(("zTXt", [.. "k\0\0"u8, .. text]), ("iTXt", [.. "i\0\x1\0en\0x\0"u8, .. text]));
        Assert.That(Read(file), Is.EqualTo(new KeyValuePair<string, string>[] { new("k", "deflated"), new("i", "deflated") }));
    }

    [Test]
    public void A_text_that_inflates_past_a_megabyte_is_refused()
    {
        var file = WithChunks(("zTXt", [.. "bomb\0\0"u8, .. Deflate(new byte[50_000_000])]));
        Assert.That(() => Read(file),
            Throws.TypeOf<ImageException>().With.Message.EqualTo("x.png: a text chunk is longer than 1048576 bytes"));
    }

    [Test]
    public void A_text_chunk_past_a_megabyte_is_refused_before_it_is_read()
    {
        var file = WithChunks(("tEXt", "k\0v"u8.ToArray()));
        BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan(33), 0xffffffff);
        Assert.That(() => Read(file),
            Throws.TypeOf<ImageException>().With.Message.EqualTo("x.png: a text chunk is longer than 1048576 bytes"));
    }

    [Test]
    public void A_damaged_text_chunk_is_refused()
    {
        var file = WithChunks(("tEXt", "key\0value"u8.ToArray()));
        file[46]++;
        Assert.That(() => Read(file), Throws.TypeOf<ImageException>().With.Message.Contains("CRC"));
    }

    [TestCase("tEXt", "no separator")]
    [TestCase("zTXt", "k\0")]
    [TestCase("zTXt", "k\0\u0001method one")]
    [TestCase("zTXt", "k\0\0not deflated")]
    [TestCase("iTXt", "k\0")]
    [TestCase("iTXt", "k\0\0\0no language end")]
    public void A_malformed_text_chunk_is_refused(string type, string data)
        => Assert.That(() => Read(WithChunks((type, System.Text.Encoding.Latin1.GetBytes(data)))),
            Throws.TypeOf<ImageException>().With.Message.StartsWith("x.png: a text chunk is "));

    [Test]
    public void A_png_cut_off_anywhere_ends_early_and_anything_else_is_no_png()
    {
        var file = WithChunks(("tEXt", "key\0value"u8.ToArray()));
        for (var kept = 8; kept < file.Length - 12; kept++)
            Assert.That(() => Read(file[..kept]), Throws.TypeOf<ImageException>().With.Message.EqualTo("x.png: the picture ends early"));
        Assert.That(() => Read([1, 2, 3]), Throws.TypeOf<ImageException>().With.Message.EqualTo("x.png: not a PNG file"));
        Assert.That(() => ImageText.Read(Path.Combine(_folder, "absent.png")),
            Throws.TypeOf<ImageException>().With.Message.Contains("no such file"));
    }

    [TestCase("")]
    [TestCase(" padded")]
    [TestCase("two  spaces")]
    [TestCase("нет")]
    [TestCase("nul\0l")]
    [TestCase("1234567890123456789012345678901234567890123456789012345678901234567890123456789x")]
    public void A_keyword_that_png_does_not_allow_is_refused_and_no_file_is_left(string keyword)
    {
        Assert.That(() => TestPictures.Noise(2, 2).Save(Path.Combine(_folder, "a.png"), options: new() { Text = [new(keyword, "value")] }),
            Throws.TypeOf<ImageException>());
        Assert.That(Directory.GetFileSystemEntries(_folder), Is.Empty);
    }

    [TestCase("nul\0l")]
    [TestCase(null)]
    public void A_value_that_png_does_not_allow_is_refused(string? value)
        => Assert.That(() => TestPictures.Png(TestPictures.Noise(2, 2), [new("k", value ?? new string('x', 1 << 20))]),
            Throws.TypeOf<ImageException>().With.Message.StartsWith("the PNG text 'k' "));

    [Test]
    public void A_file_that_cannot_be_written_is_named()
    {
        var path = Path.Combine(_folder, "absent", "picture.png");
        Assert.That(() => TestPictures.Noise(2, 2).Save(path),
            Throws.TypeOf<ImageException>().With.Message.EqualTo($"cannot write {path}: no such folder"));
        Assert.That(() => TestPictures.Noise(2, 2).Save(_folder, ImageFormat.Png),
            Throws.TypeOf<ImageException>().With.Message.EqualTo($"cannot write {_folder}: it is a folder"));
    }

    private static IReadOnlyList<KeyValuePair<string, string>> Read(byte[] file) => PngText.Read(new MemoryStream(file), "x.png");

    private static byte[] Deflate(byte[] text)
    {
        using var deflated = new MemoryStream();
        using (var zlib = new ZLibStream(deflated, CompressionLevel.Optimal, leaveOpen: true)) zlib.Write(text);
        return deflated.ToArray();
    }

    /// <summary>A picture with chunks put in right after the header, that is from byte 33 on.</summary>
    private static byte[] WithChunks(params (string Type, byte[] Data)[] chunks)
    {
        var file = TestPictures.Png(TestPictures.Noise(4, 4));
        using var stream = new MemoryStream();
        stream.Write(file.AsSpan(0, 33));
        foreach (var (type, data) in chunks) PngChunk.Write(stream, type, data);
        stream.Write(file.AsSpan(33));
        return stream.ToArray();
    }
}
