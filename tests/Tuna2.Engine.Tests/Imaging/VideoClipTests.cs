using System.Buffers.Binary;
using System.IO.Compression;
using NUnit.Framework;
using Tuna2.Engine.Imaging;

namespace Tuna2.Engine.Tests.Imaging;

/// <summary>Clips in and out: animated PNG, WebP and GIF, folders of frames. Films by ffmpeg are in <see cref="FilmTests"/>.</summary>
public class VideoClipTests
{
    private static readonly KeyValuePair<string, string>[] s_texts = [new("parameters", "ein Fisch: 鮪\nSteps: 50, Seed: 7"), new("tuna2", """{"prompt":"a fish"}""")];

    [TestCase(VideoFormat.Apng, 24)]
    [TestCase(VideoFormat.Apng, 24000 / 1001.0)]
    [TestCase(VideoFormat.Apng, 0.5)]
    [TestCase(VideoFormat.Webp, 16)]
    [TestCase(VideoFormat.Webp, 24)]
    [TestCase(VideoFormat.Webp, 60)]
    public void Frames_rate_and_texts_come_back_exactly(VideoFormat format, double rate)
    {
        using var folder = new TemporaryDirectory();
        var path = folder.File("ein Clip 鮪" + format.Ending());
        Clip(rate).Save(path, options: new() { Quality = 100, Text = s_texts });
        var read = VideoClip.Load(path);
        AssertSame(read, Clip(rate).Frames);
        Assert.That(read.FramesPerSecond, Is.EqualTo(rate).Within(1e-4));
        Assert.That(ImageText.Read(path), Is.EqualTo(s_texts));
        CoverCropTests.AssertSame(RgbImage.Load(path), Clip(rate).Frames[0]);
        Assert.That(Directory.GetFileSystemEntries(folder.Path), Has.Length.EqualTo(1));
    }

    [Test]
    public void A_lossy_webp_is_near_and_small()
    {
        var clip = new VideoClip([.. Enumerable.Range(0, 6).Select(i => Shifted(TestPictures.Waves(96, 64), i))]);
        var bytes = clip.Encode(VideoFormat.Webp);
        var read = VideoClip.FromBytes(bytes);
        Assert.That(read.FramesPerSecond, Is.EqualTo(VideoClip.DefaultFramesPerSecond));
        foreach (var (frame, original) in read.Frames.Zip(clip.Frames))
            Assert.That(ImageQuality.Psnr(frame, original), Is.GreaterThan(33));
        Assert.That(bytes, Has.Length.LessThan(clip.Encode().Length / 4));
    }

    [Test]
    public void Of_an_animated_PNG_a_frame_holds_what_changed()
    {
        var still = TestPictures.Noise(200, 200);
        var changed = still.Pixels.ToArray();
        changed[(100 * 200 + 50) * 3] ^= 1;
        changed[(120 * 200 + 90) * 3 + 2] ^= 1;
        var clip = new VideoClip([still, new RgbImage(200, 200, changed), still, still]);
        var bytes = clip.Encode();
        Assert.That(bytes.Length, Is.LessThan(still.Encode().Length + 2 * 41 * 21 * 4 + 500));
        AssertSame(VideoClip.FromBytes(bytes), clip.Frames);
    }

    [Test]
    public void Frames_of_an_animated_PNG_are_blended_and_disposed_of()
    {
        // A 3x1 picture that is no part of the animation, then frames of one pixel over one another.
        var file = new Apng(3, 1).Picture([9, 9, 9, 255, 9, 9, 9, 255, 9, 9, 9, 255])
            .Frame(0, 3, [200, 0, 0, 255, 0, 200, 0, 255, 0, 0, 0, 0], dispose: 0, blend: 0)
            .Frame(0, 1, [0, 0, 100, 128], dispose: 2, blend: 1)
            .Frame(1, 2, [0, 0, 0, 0, 10, 20, 30, 51], dispose: 1, blend: 0)
            .Frame(2, 1, [50, 60, 70, 255], dispose: 0, blend: 1);
        var clip = VideoClip.FromBytes(file.ToArray());
        AssertSame(clip,
        [
            new(3, 1, new byte[] { 200, 0, 0, 0, 200, 0, 255, 255, 255 }),
            new(3, 1, new byte[] { 100, 0, 50, 0, 200, 0, 255, 255, 255 }), // half of it over the first
            new(3, 1, new byte[] { 200, 0, 0, 255, 255, 255, 206, 208, 210 }), // the first is back; nothing, and a fifth over white
            new(3, 1, new byte[] { 200, 0, 0, 255, 255, 255, 50, 60, 70 }), // what it covered was cleared
        ]);
        Assert.That(clip.FramesPerSecond, Is.EqualTo(4));
    }

    private static IEnumerable<TestCaseData> Damaged()
    {
        Apng file() => new Apng(2, 1).Frame(0, 2, new byte[8], 0, 0).Frame(0, 1, new byte[4], 0, 0);
        yield return new TestCaseData(file().ToArray()[..^20], "ends early").SetArgDisplayNames("cut off");
        yield return new TestCaseData(Flipped(file().ToArray()), "CRC").SetArgDisplayNames("a byte");
        yield return new TestCaseData(file().Frame(1, 2, new byte[8], 0, 0).ToArray(), "frame 3 lies outside").SetArgDisplayNames("outside");
        yield return new TestCaseData(file().ToArray(announced: 3), "it has 2 frames and says 3").SetArgDisplayNames("announced");
        yield return new TestCaseData(file().Skip().Frame(0, 1, new byte[4], 0, 0).ToArray(), "out of order").SetArgDisplayNames("sequence");
        yield return new TestCaseData(file().Frame(0, 1, new byte[3], 0, 0).ToArray(), "frame 3: the picture").SetArgDisplayNames("too few pixels");

        static byte[] Flipped(byte[] file)
        {
            file[^30] ^= 1;
            return file;
        }
    }

    [TestCaseSource(nameof(Damaged))]
    public void A_damaged_animated_PNG_is_named(byte[] file, string problem) =>
        Assert.That(() => VideoClip.FromBytes(file, "a.png"), Throws.TypeOf<ImageException>().With.Message.StartsWith("a.png").And.Message.Contains(problem));

    [Test]
    public void Frames_of_a_GIF_are_disposed_of_as_it_says()
    {
        const byte none = GifFile.Transparent;
        var file = new GifFile(3, 2)
            .Add(0, 0, 3, [1, 2, 3, 4, 5, 6], 10, disposal: 1)
            .Add(1, 0, 2, [none, 20, 21, none], 10, disposal: 3)
            .Add(0, 1, 1, [30], 10, disposal: 2)
            .Add(2, 1, 1, [40], 10, disposal: 1);
        var clip = VideoClip.FromBytes(file.ToArray());
        AssertSame(clip, [Picture(1, 2, 3, 4, 5, 6), Picture(1, 2, 20, 4, 21, 6), Picture(1, 2, 3, 30, 5, 6), Picture(1, 2, 3, none, 5, 40)]);
        Assert.That(clip.FramesPerSecond, Is.EqualTo(10));
        AssertSame(VideoClip.FromBytes(file.ToArray(), options: new() { MaxFrames = 2, Spread = true }), [clip.Frames[0], clip.Frames[2]]);

        static RgbImage Picture(params int[] colours) => new(3, 2, colours.SelectMany(GifFile.Colour).ToArray());
    }

    [Test]
    public void A_GIF_without_times_is_shown_as_browsers_do()
    {
        var file = new GifFile(1, 1).Add(0, 0, 1, [1], 0, 1).Add(0, 0, 1, [2], 1, 1);
        Assert.That(VideoClip.FromBytes(file.ToArray()).FramesPerSecond, Is.EqualTo(10));
    }

    [Test]
    public void A_picture_that_stays_is_several_frames()
    {
        var file = new GifFile(1, 1).Add(0, 0, 1, [1], 4, 1).Add(0, 0, 1, [2], 12, 1).Add(0, 0, 1, [3], 4, 1);
        var clip = VideoClip.FromBytes(file.ToArray());
        Assert.That(clip.Frames.Select(frame => frame.Pixels.Span[2]), Is.EqualTo(new byte[] { 1, 2, 2, 2, 3 }));
        Assert.That(clip.FramesPerSecond, Is.EqualTo(25));
        Assert.That(FrameDelays.Repeats([0.041, 4.167, 0.042, 0.042]), Is.EqualTo(new[] { 1, 100, 1, 1 }));
    }

    [Test]
    public void A_folder_is_read_in_the_order_people_count_in()
    {
        using var folder = new TemporaryDirectory();
        foreach (var (name, seed) in new[] { ("f10.png", 3), ("f2.jpg", 2), ("F1.png", 1), ("f010b.webp", 4) })
            TestPictures.Noise(8, 6, seed).Save(folder.File(name), options: new() { Quality = 100 });
        folder.Write("notes.txt", "no frame"u8);
        folder.Write(".hidden.png", "no frame"u8);
        var clip = VideoClip.Load(folder.Path, new() { FolderFramesPerSecond = 12 });
        Assert.That(clip.FramesPerSecond, Is.EqualTo(12));
        AssertSame(clip, [.. new[] { "F1.png", "f2.jpg", "f10.png", "f010b.webp" }.Select(name => RgbImage.Load(folder.File(name)))]);
    }

    [TestCase("a2", "a10", -1)]
    [TestCase("a02", "a2", -1)]
    [TestCase("B1", "a2", 1)]
    [TestCase("a", "a1", -1)]
    [TestCase("1a", "01b", -1)]
    [TestCase("99999999999999999999", "100000000000000000000", -1)]
    [TestCase("a", "A", 1)]
    [TestCase("x1", "x1", 0)]
    public void Names_are_compared_by_their_numbers(string a, string b, int order)
    {
        Assert.That(Math.Sign(FrameFolder.CompareNatural(a, b)), Is.EqualTo(order));
        Assert.That(Math.Sign(FrameFolder.CompareNatural(b, a)), Is.EqualTo(-order));
    }

    [Test]
    public void The_first_frame_of_another_size_is_named()
    {
        using var folder = new TemporaryDirectory();
        TestPictures.Noise(8, 6).Save(folder.File("1.png"));
        TestPictures.Noise(8, 7).Save(folder.File("2.png"));
        TestPictures.Noise(9, 6).Save(folder.File("3.png"));
        Assert.That(() => VideoClip.Load(folder.Path), Throws.TypeOf<ImageException>().With.Message.EqualTo($"{folder.File("2.png")}: 8x7 pixels, the frames before it 8x6"));
        Assert.That(() => new VideoClip([TestPictures.Noise(2, 2), TestPictures.Noise(2, 3)]), Throws.TypeOf<ImageException>().With.Message.Contains("frame 2 of a clip is 2x3"));
    }

    [Test]
    public void What_is_no_clip_is_refused_by_name()
    {
        using var folder = new TemporaryDirectory();
        Assert.That(() => VideoClip.Load(folder.Path), Throws.TypeOf<ImageException>().With.Message.EqualTo($"{folder.Path}: no pictures in this folder"));
        Assert.That(() => VideoClip.Load(folder.File("none.gif")), Throws.TypeOf<ImageException>().With.Message.EqualTo($"{folder.File("none.gif")}: no such file"));
        var still = folder.File("still.png");
        TestPictures.Noise(2, 2).Save(still);
        Assert.That(() => VideoClip.Load(still), Throws.TypeOf<ImageException>().With.Message.EqualTo($"{still}: a still picture, not a clip"));
        Assert.That(VideoClip.Load(still, new() { MinFrames = 1 }).Frames, Has.Count.EqualTo(1));
        Assert.That(() => VideoClip.FromBytes("text"u8.ToArray(), "text"), Throws.TypeOf<ImageException>().With.Message.Contains("not an animation"));
        Assert.That(() => VideoClip.FromBytes(Clip(16).Encode(), "c", new() { MinFrames = 9 }), Throws.TypeOf<ImageException>().With.Message.EqualTo("c: 7 frames, at least 9 are needed"));
    }

    [Test]
    public void As_many_frames_are_read_as_are_asked_for([Values(VideoFormat.Apng, VideoFormat.Webp)] VideoFormat format)
    {
        var (clip, bytes) = (Clip(14), Clip(14).Encode(format, new() { Quality = 100 }));
        var first = VideoClip.FromBytes(bytes, options: new() { MaxFrames = 3 });
        AssertSame(first, clip.Frames.Take(3));
        Assert.That(first.FramesPerSecond, Is.EqualTo(14));
        var spread = VideoClip.FromBytes(bytes, options: new() { MaxFrames = 3, Spread = true });
        AssertSame(spread, [clip.Frames[0], clip.Frames[2], clip.Frames[4]]);
        Assert.That(spread.FramesPerSecond, Is.EqualTo(6));
        AssertSame(VideoClip.FromBytes(bytes, options: new() { MaxFrames = 30, Spread = true }), clip.Frames);
    }

    [Test]
    public void Senseless_requests_are_refused()
    {
        var clip = Clip(16);
        Assert.That(() => clip.Save("a.avi"), Throws.TypeOf<RequestException>().With.Message.Contains("a.avi").And.Message.Contains(".mp4"));
        Assert.That(() => clip.Encode((VideoFormat)9), Throws.TypeOf<RequestException>());
        Assert.That(() => clip.Encode(options: new() { Quality = 0 }), Throws.TypeOf<RequestException>().With.Message.Contains("quality"));
        Assert.That(() => new VideoClip(clip.Frames, double.NaN), Throws.TypeOf<RequestException>().With.Message.Contains("frames per second"));
        Assert.That(() => new VideoClip([]), Throws.TypeOf<ImageException>());
        Assert.That(() => VideoClip.FromBytes(clip.Encode(), options: new() { MaxFrames = 1 }), Throws.TypeOf<RequestException>().With.Message.Contains("cut to 1"));
        Assert.That(() => VideoClip.FromBytes(clip.Encode(), options: new() { MinFrames = 0 }), Throws.TypeOf<RequestException>());
    }

    [Test]
    public void What_is_stopped_or_cannot_be_written_leaves_nothing([Values(VideoFormat.Apng, VideoFormat.Webp)] VideoFormat format)
    {
        using var folder = new TemporaryDirectory();
        using var stop = new CancellationTokenSource();
        stop.Cancel();
        var path = folder.File("a" + format.Ending());
        Assert.That(() => Clip(16).Save(path, cancellation: stop.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(() => VideoClip.FromBytes(Clip(16).Encode(format), cancellation: stop.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(() => Clip(16).Save(Path.Combine(folder.Path, "none", "a" + format.Ending())), Throws.TypeOf<ImageException>().With.Message.Contains("no such folder"));
        Assert.That(Directory.GetFileSystemEntries(folder.Path), Is.Empty);
    }

    [Test]
    public void Milliseconds_add_up_and_fractions_are_the_nearest()
    {
        Assert.That(FrameDelays.Of(6, 24), Is.EqualTo(new[] { 42, 41, 42, 42, 41, 42 }));
        Assert.That(FrameDelays.Of(240, 24000 / 1001.0).Sum(), Is.EqualTo(10010));
        Assert.That(ApngWriter.Delay(24), Is.EqualTo(((ushort)1, (ushort)24)));
        Assert.That(ApngWriter.Delay(24000 / 1001.0), Is.EqualTo(((ushort)1001, (ushort)24000)));
        Assert.That(ApngWriter.Delay(0.25), Is.EqualTo(((ushort)4, (ushort)1)));
    }

    internal static void AssertSame(VideoClip clip, IEnumerable<RgbImage> frames)
    {
        var expected = frames.ToList();
        Assert.That(clip.Frames, Has.Count.EqualTo(expected.Count));
        for (var i = 0; i < expected.Count; i++)
            Assert.That(clip.Frames[i].Pixels.ToArray(), Is.EqualTo(expected[i].Pixels.ToArray()), $"frame {i + 1}");
    }

    /// <summary>Seven frames of which some repeat the one before and some differ from it in a corner.</summary>
    internal static VideoClip Clip(double rate, int width = 19, int height = 11)
    {
        var first = TestPictures.Noise(width, height);
        var corner = first.Pixels.ToArray();
        corner[^1] ^= 255;
        var second = new RgbImage(width, height, corner);
        return new VideoClip([first, first, second, first, TestPictures.Waves(width, height), TestPictures.Noise(width, height, 5), second], rate);
    }

    private static RgbImage Shifted(RgbImage image, int by)
    {
        var pixels = new byte[image.Pixels.Length];
        for (var i = 0; i < pixels.Length; i++)
            pixels[i] = image.Pixels.Span[(i + 3 * by) % pixels.Length];
        return new(image.Width, image.Height, pixels);
    }

    /// <summary>An animated PNG of red, green, blue and alpha, made by hand; a frame is a line shown for a quarter of a second.</summary>
    private sealed class Apng(int width, int height)
    {
        private readonly List<(string Type, byte[] Data)> _chunks = [];
        private int _sequence;
        private int _frames;

        /// <summary>The picture for readers that know no animation.</summary>
        public Apng Picture(byte[] pixels)
        {
            _chunks.Add(("IDAT", Compress(width, pixels)));
            return this;
        }

        /// <summary>Leaves a number out.</summary>
        public Apng Skip()
        {
            _sequence++;
            return this;
        }

        public Apng Frame(int left, int wide, byte[] pixels, byte dispose, byte blend)
        {
            var control = new byte[26];
            BinaryPrimitives.WriteInt32BigEndian(control, _sequence++);
            foreach (var (at, value) in new[] { (4, wide), (8, 1), (12, left) })
                BinaryPrimitives.WriteInt32BigEndian(control.AsSpan(at), value);
            (control[21], control[23], control[24], control[25]) = (1, 4, dispose, blend);
            _chunks.Add(("fcTL", control));
            _frames++;
            if (_chunks.All(chunk => chunk.Type != "IDAT"))
                return Picture(pixels);
            var number = new byte[4];
            BinaryPrimitives.WriteInt32BigEndian(number, _sequence++);
            _chunks.Add(("fdAT", [.. number, .. Compress(wide, pixels)]));
            return this;
        }

        public byte[] ToArray(int? announced = null)
        {
            var file = new MemoryStream();
            file.Write(PngChunk.Signature);
            var header = new byte[13];
            BinaryPrimitives.WriteInt32BigEndian(header, width);
            BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
            (header[8], header[9]) = (8, 6);
            PngChunk.Write(file, "IHDR", header);
            var control = new byte[8];
            BinaryPrimitives.WriteInt32BigEndian(control, announced ?? _frames);
            PngChunk.Write(file, "acTL", control);
            foreach (var (type, data) in _chunks)
                PngChunk.Write(file, type, data);
            PngChunk.Write(file, "IEND", []);
            return file.ToArray();
        }

        private static byte[] Compress(int wide, byte[] pixels)
        {
            var data = new MemoryStream();
            using (var zlib = new ZLibStream(data, CompressionLevel.Fastest, leaveOpen: true))
                foreach (var row in pixels.Chunk(wide * 4))
                    zlib.Write([0, .. row]);
            return data.ToArray();
        }
    }
}
