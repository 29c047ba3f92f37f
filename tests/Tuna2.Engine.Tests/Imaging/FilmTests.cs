using System.Diagnostics;
using System.Globalization;
using System.Runtime.Versioning;
using NUnit.Framework;
using Tuna2.Engine.Imaging;

namespace Tuna2.Engine.Tests.Imaging;

/// <summary>Films: what ffmpeg is told and given, and what becomes of its answers. Shell scripts play its part.</summary>
[NonParallelizable]
[Platform(Exclude = "Win", Reason = "the scripts are of a Unix shell")]
[UnsupportedOSPlatform("windows")]
public class FilmTests
{
    private TemporaryDirectory _tools = null!;
    private TemporaryDirectory _folder = null!;
    private string? _before;

    [SetUp]
    public void Point()
    {
        (_tools, _folder) = (new(), new());
        _before = Environment.GetEnvironmentVariable(FfmpegReport.Variable);
        Environment.SetEnvironmentVariable(FfmpegReport.Variable, _tools.Path);
    }

    [TearDown]
    public void Restore()
    {
        Environment.SetEnvironmentVariable(FfmpegReport.Variable, _before);
        _tools.Dispose();
        _folder.Dispose();
    }

    [Test]
    public void An_mp4_is_what_ffmpeg_makes_of_the_frames()
    {
        // Says what it was told, keeps what it was given, and writes the file that is its last argument.
        Tool("ffmpeg", """
            for last in "$@"; do echo "$last" >> "$tools/told"; done
            cat > "$tools/given"
            echo film > "${last#file:}"
            """);
        var clip = VideoClipTests.Clip(24000 / 1001.0, 5, 3);
        clip.Save(_folder.File("a 鮪.mp4"), options: new() { Quality = 80, Text = [new("parameters", "a fish; Steps: 5"), new("tuna2", "{}")] });

        Assert.That(File.ReadAllText(_folder.File("a 鮪.mp4")), Is.EqualTo("film\n"));
        Assert.That(Directory.GetFileSystemEntries(_folder.Path), Has.Length.EqualTo(1));
        var told = File.ReadAllLines(_tools.File("told"));
        foreach (var pair in new[] { ("-f", "rawvideo"), ("-pixel_format", "rgb24"), ("-video_size", "6x4"), ("-framerate", "23.976023976023978"), ("-i", "pipe:0"), ("-c:v", "libx264"), ("-crf", "20"), ("-movflags", "+faststart"), ("-metadata", "comment=a fish; Steps: 5") })
            Assert.That(told.Zip(told.Skip(1)), Does.Contain(pair));
        Assert.That(told.Single(argument => argument.StartsWith("scale=", StringComparison.Ordinal)), Does.EndWith("format=yuv420p").And.Contains("bt709"));
        Assert.That(told[^1], Does.StartWith($"file:{_folder.Path}/.a 鮪.mp4."));

        var given = File.ReadAllBytes(_tools.File("given"));
        Assert.That(given, Has.Length.EqualTo(clip.Frames.Count * 6 * 4 * 3));
        for (var f = 0; f < clip.Frames.Count; f++)
            for (var y = 0; y < 4; y++)
                for (var x = 0; x < 6; x++)
                    Assert.That(given.AsSpan(((f * 4 + y) * 6 + x) * 3, 3).ToArray(), Is.EqualTo(clip.Frames[f].Row(Math.Min(y, 2)).Slice(Math.Min(x, 4) * 3, 3).ToArray()), "the last row and column are repeated");
        Assert.That(clip.Encode(VideoFormat.Mp4), Is.EqualTo("film\n"u8.ToArray()));
    }

    [TestCase("echo frame 1; echo \"Unknown encoder 'libx264'\" >&2; echo Conversion failed! >&2; exit 1", "ffmpeg failed: Unknown encoder 'libx264'")]
    [TestCase("cat > /dev/null; exit 3", "ffmpeg failed: exit code 3")]
    [TestCase("cat > /dev/null", "ffmpeg failed")]
    public void A_failing_ffmpeg_is_quoted_and_leaves_nothing(string script, string problem)
    {
        Tool("ffmpeg", script);
        var path = _folder.File("a.mp4");
        Assert.That(() => VideoClipTests.Clip(16, 300, 300).Save(path), Throws.TypeOf<ImageException>().With.Message.StartsWith($"cannot write {path}: {problem}"));
        Assert.That(Directory.GetFileSystemEntries(_folder.Path), Is.Empty);
    }

    [Test]
    public async Task A_stopped_ffmpeg_is_killed_and_leaves_nothing()
    {
        Tool("ffmpeg", """
            for last in "$@"; do :; done
            echo half > "${last#file:}"
            echo $$ > "$tools/pid.tmp" && mv "$tools/pid.tmp" "$tools/pid"
            exec sleep 600
            """);
        using var stop = new CancellationTokenSource();
        var writing = Task.Run(() => VideoClipTests.Clip(16, 300, 300).Save(_folder.File("a.mp4"), cancellation: stop.Token));
        while (!File.Exists(_tools.File("pid")))
        {
            Assert.That(writing.IsCompleted, Is.False, "it waits for ffmpeg");
            await Task.Delay(10);
        }
        stop.Cancel();
        Assert.That(async () => await writing.WaitAsync(TimeSpan.FromSeconds(30)), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(Directory.GetFileSystemEntries(_folder.Path), Is.Empty);
        Assert.That(() => Process.GetProcessById(int.Parse(File.ReadAllText(_tools.File("pid")), CultureInfo.InvariantCulture)), Throws.ArgumentException, "it is gone");
    }

    [Test]
    public void A_film_is_read_as_the_pictures_ffmpeg_shows()
    {
        var clip = VideoClipTests.Clip(16, 7, 4);
        var film = Film(clip, """{"streams": [{"r_frame_rate": "60/1", "avg_frame_rate": "30000/1001"}]}""");
        var read = VideoClip.Load(film);
        VideoClipTests.AssertSame(read, clip.Frames);
        Assert.That(read.FramesPerSecond, Is.EqualTo(30000 / 1001.0));
        var told = File.ReadAllLines(_tools.File("told"));
        foreach (var pair in new[] { ("-protocol_whitelist", "file"), ("-i", $"file:{film}"), ("-c:v", "ppm") })
            Assert.That(told.Zip(told.Skip(1)), Does.Contain(pair));
        Assert.That(told.Single(argument => argument.StartsWith("fps=", StringComparison.Ordinal)), Does.StartWith("fps=30000/1001,"));

        VideoClipTests.AssertSame(VideoClip.Load(film, new() { MaxFrames = 3 }), clip.Frames.Take(3));
        told = File.ReadAllLines(_tools.File("told"));
        Assert.That(told.Zip(told.Skip(1)), Does.Contain(("-frames:v", "3")));
    }

    [Test]
    public void Frames_are_taken_all_over_a_film_when_they_are_counted()
    {
        var clip = VideoClipTests.Clip(16, 7, 4);
        var film = Film(clip, """{"streams": [{"avg_frame_rate": "0/0", "r_frame_rate": "14/1", "nb_read_packets": "7"}]}""");
        var read = VideoClip.Load(film, new() { MaxFrames = 3, Spread = true });
        VideoClipTests.AssertSame(read, [clip.Frames[0], clip.Frames[2], clip.Frames[4]]);
        Assert.That(read.FramesPerSecond, Is.EqualTo(6));
        Assert.That(File.ReadAllLines(_tools.File("asked")), Does.Contain("-count_packets"));
    }

    [TestCase("""echo '{"streams": []}'""", "", "not a film: there is no video in it")]
    [TestCase("echo Invalid data found when processing input >&2; exit 1", "", "not a film: ffprobe failed: Invalid data")]
    [TestCase("echo nonsense", "", "ffprobe's answer makes no sense")]
    [TestCase("""echo '{"streams": [{"avg_frame_rate": "24/1"}]}'""", "echo moov atom not found >&2; exit 1", "cannot be read: ffmpeg failed: moov atom not found")]
    [TestCase("""echo '{"streams": [{"avg_frame_rate": "24/1"}]}'""", "echo nonsense", "ffmpeg's answer makes no sense")]
    [TestCase("""echo '{"streams": [{"avg_frame_rate": "24/1"}]}'""", "printf 'P6\\n4 4\\n255\\nabc'; exit 0", "cannot be read: ffmpeg failed")]
    [TestCase("""echo '{"streams": [{"avg_frame_rate": "24/1"}]}'""", "printf 'P6\\n1 1\\n255\\nabcP6\\n1 2\\n255\\nabcdef'", "1x2 pixels, the frames before it 1x1")]
    [TestCase("""echo '{"streams": [{"avg_frame_rate": "24/1"}]}'""", ":", "0 frames, at least 2 are needed")]
    public void What_is_no_film_is_refused_by_name(string probe, string ffmpeg, string problem)
    {
        Tool("ffprobe", probe);
        Tool("ffmpeg", ffmpeg);
        var path = _folder.Write("a.mkv", "no film, but long enough"u8);
        Assert.That(() => VideoClip.Load(path), Throws.TypeOf<ImageException>().With.Message.StartsWith(path).And.Message.Contains(problem));
    }

    [Test]
    public void Without_ffmpeg_the_error_says_where_it_was_looked_for()
    {
        var path = _folder.Write("a.mp4", "no film, but long enough"u8);
        Assert.That(() => VideoClip.Load(path), Throws.TypeOf<ImageException>().With.Message.StartsWith(path).And.Message.Contains(_tools.Path).And.Message.Contains(FfmpegReport.Variable));
        Assert.That(() => VideoClipTests.Clip(16).Save(_folder.File("b.mp4")), Throws.TypeOf<ImageException>().With.Message.StartsWith($"cannot write {_folder.File("b.mp4")}: MP4 needs ffmpeg").And.Message.Contains(_tools.Path));
        Assert.That(() => VideoFormat.Mp4.RequireWriter("b.mp4"), Throws.TypeOf<ImageException>());
        Assert.That(() => VideoFormat.Webp.RequireWriter("b.webp"), Throws.Nothing);
        Assert.That(Directory.GetFileSystemEntries(_folder.Path), Has.Length.EqualTo(1));

        Environment.SetEnvironmentVariable(FfmpegReport.Variable, null);
        var paths = Environment.GetEnvironmentVariable("PATH");
        try
        {
            Environment.SetEnvironmentVariable("PATH", $"{_tools.Path}:{_folder.Path}");
            Assert.That(() => VideoClip.Load(path), Throws.TypeOf<ImageException>().With.Message.Contains($"PATH ({_tools.Path}, {_folder.Path})").And.Message.Contains(FfmpegReport.Variable));
            Tool("ffmpeg", ":");
            Assert.That(() => VideoClip.Load(path), Throws.TypeOf<ImageException>().With.Message.Contains($"ffprobe, which is not beside {_tools.File("ffmpeg")}"));
        }
        finally
        {
            Environment.SetEnvironmentVariable("PATH", paths);
        }
    }

    [Test]
    public void Its_version_is_asked_and_what_is_not_ffmpeg_is_found_out()
    {
        Tool("ffmpeg", "echo 'ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000-2026 the FFmpeg developers'; echo built with gcc");
        Assert.That(FfmpegReport.Find().ReadVersion(), Is.EqualTo("5.1.9-0+deb12u1"));
        Tool("ffmpeg", "echo hello");
        Assert.That(() => FfmpegReport.Find().ReadVersion(), Throws.TypeOf<ImageException>().With.Message.Contains("answers 'hello'"));
        File.SetUnixFileMode(_tools.File("ffmpeg"), UnixFileMode.UserRead);
        Assert.That(() => FfmpegReport.Find().ReadVersion(), Throws.TypeOf<ImageException>().With.Message.Contains("does not start"));
        Assert.That(() => VideoClipTests.Clip(16).Save(_folder.File("b.mp4")), Throws.TypeOf<ImageException>().With.Message.Contains("does not start"));
    }

    /// <summary>A film of these frames, as scripts tell it: a file that is none, what ffprobe says, what ffmpeg shows.</summary>
    private string Film(VideoClip clip, string probed)
    {
        using (var frames = File.Create(_tools.File("frames")))
            foreach (var frame in clip.Frames)
            {
                frames.Write(System.Text.Encoding.ASCII.GetBytes($"P6\n{frame.Width} {frame.Height}\n255\n"));
                frames.Write(frame.Pixels.Span);
            }
        File.WriteAllText(_tools.File("probed"), probed);
        Tool("ffprobe", """for a in "$@"; do echo "$a"; done > "$tools/asked"; cat "$tools/probed" """);
        Tool("ffmpeg", """for a in "$@"; do echo "$a"; done > "$tools/told"; cat "$tools/frames" """);
        return _folder.Write("film.mkv", "no film, but long enough"u8);
    }

    private void Tool(string name, string script)
    {
        var path = _tools.Write(name, System.Text.Encoding.UTF8.GetBytes($"#!/bin/sh\ntools='{_tools.Path}'\n{script}\n"));
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
