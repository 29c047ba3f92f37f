using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using NUnit.Framework;
using Tuna2.Engine.Imaging;

namespace Tuna2.Engine.Tests.Imaging;

/// <summary>Preprocessing against the official code (tests/fixtures/preprocess): every byte and every float.</summary>
public class CoverCropTests
{
    static IEnumerable<TestCaseData> Cases()
    {
        using var cases = JsonDocument.Parse(File.ReadAllText(Fixtures.Path("preprocess", "cases.json")));
        foreach (var entry in cases.RootElement.GetProperty("cases").EnumerateArray())
            yield return new TestCaseData(
                entry.GetProperty("input").GetString(),
                entry.GetProperty("target_width").GetInt32(),
                entry.GetProperty("target_height").GetInt32(),
                entry.GetProperty("resized_cropped").GetString(),
                entry.TryGetProperty("tensor", out var tensor) ? tensor.GetString() : null);
    }

    [TestCaseSource(nameof(Cases))]
    public void A_picture_is_scaled_and_cropped_to_the_official_bytes(string input, int width, int height, string expected, string? tensor)
    {
        var actual = CoverCrop.Apply(RgbImage.Load(Fixtures.Path("preprocess", input), ImageReadOptions.AsStored), width, height);
        AssertSame(actual, RgbImage.Load(Fixtures.Path("preprocess", expected), ImageReadOptions.AsStored));
        if (tensor is null) return;
        var floats = ReadTensor(Fixtures.Path("preprocess", tensor));
        Assert.That(PixelTensor.FromImage(actual).SequenceEqual(floats), Is.True, "the tensor is the official one to the bit");
    }

    [Test]
    public void The_fixtures_are_there() => Assert.That(Cases().Count(), Is.EqualTo(5));

    [Test]
    public void A_picture_of_the_target_size_is_left_as_it_is()
    {
        var image = TestPictures.Noise(40, 30);
        Assert.That(CoverCrop.Apply(image, 40, 30), Is.SameAs(image));
    }

    [TestCase(1, 1, 64, 64)]
    [TestCase(1, 10000, 64, 64)]
    [TestCase(10000, 1, 64, 64)]
    [TestCase(32768, 1, 512, 512)]
    [TestCase(3, 5, 1, 1)]
    public void Extreme_shapes_give_the_target_size(int width, int height, int targetWidth, int targetHeight)
    {
        var gray = new byte[width * height * 3];
        gray.AsSpan().Fill(77);
        var result = CoverCrop.Apply(new RgbImage(width, height, gray), targetWidth, targetHeight);
        Assert.That((result.Width, result.Height), Is.EqualTo((targetWidth, targetHeight)));
        Assert.That(result.Pixels.ToArray(), Is.All.EqualTo(77), "weights sum to one: grey stays grey");
    }

    [Test]
    public void The_crop_is_the_middle_of_the_whole_resized_picture()
    {
        var image = TestPictures.Noise(97, 41);
        var whole = BicubicResizer.Resize(image, 118, 50); // scale 50/41: 118.29 wide
        var cropped = CoverCrop.Apply(image, 61, 50);
        for (var y = 0; y < 50; y++)
            Assert.That(cropped.Row(y).SequenceEqual(whole.Row(y).Slice(28 * 3, 61 * 3)), Is.True, $"row {y}");
    }

    [TestCase(0, 64)]
    [TestCase(64, -1)]
    [TestCase(int.MaxValue, int.MaxValue)]
    public void A_target_out_of_range_is_refused(int width, int height)
        => Assert.That(() => CoverCrop.Apply(TestPictures.Noise(4, 4), width, height), Throws.TypeOf<ImageException>());

    [Test]
    public void A_photograph_of_12_megapixels_does_not_take_long()
    {
        var photograph = TestPictures.Noise(4000, 3000);
        var best = TimeSpan.MaxValue;
        for (var run = 0; run < 3; run++)
        {
            var watch = Stopwatch.StartNew();
            CoverCrop.Apply(photograph, 512, 512);
            best = watch.Elapsed < best ? watch.Elapsed : best;
        }
        TestContext.Out.WriteLine($"{best.TotalMilliseconds:f0} ms");
        Assert.That(best, Is.LessThan(TimeSpan.FromSeconds(3)), "a wide margin: unoptimised, and on processors that others use");
    }

    internal static void AssertSame(RgbImage actual, RgbImage expected)
    {
        Assert.That((actual.Width, actual.Height), Is.EqualTo((expected.Width, expected.Height)));
        var different = 0;
        for (var i = 0; i < expected.Pixels.Length; i++)
            if (actual.Pixels.Span[i] != expected.Pixels.Span[i]) different++;
        Assert.That(different, Is.Zero, $"of {expected.Pixels.Length} bytes differ");
    }

    private static float[] ReadTensor(string path)
    {
        var file = File.ReadAllBytes(path);
        var data = 8 + (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        using var header = JsonDocument.Parse(file.AsMemory(8, data - 8));
        var offsets = header.RootElement.GetProperty("tensor").GetProperty("data_offsets");
        return MemoryMarshal.Cast<byte, float>(file.AsSpan(data..)[offsets[0].GetInt32()..offsets[1].GetInt32()]).ToArray();
    }
}
