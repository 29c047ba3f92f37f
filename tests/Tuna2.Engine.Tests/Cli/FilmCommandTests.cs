using System.Runtime.Versioning;
using System.Text;
using System.Text.Json;
using NUnit.Framework;
using Tuna2.Engine.Imaging;
using Tuna2.Engine.Tests.Parity;

namespace Tuna2.Engine.Tests.Cli;

/// <summary>video into an MP4 and back: by shell scripts that play ffmpeg's part, and by ffmpeg where there is one.</summary>
[NonParallelizable]
[CancelAfter(120_000)]
[Platform(Exclude = "Win", Reason = "the scripts are of a Unix shell")]
[UnsupportedOSPlatform("windows")]
public sealed class FilmCommandTests : CliFixture
{
    private static readonly string[] _settings = ["-m", Fixtures.Path("tunavae-tiny"), "--device", "cpu", "--size", "48x32", "--frames", "5", "--steps", "2", "--guidance", "1"];

    private TemporaryDirectory _tools = null!;
    private string? _before;

    [OneTimeSetUp]
    public void MakeWeights() => SeededWeights.MakeTuna();

    [SetUp]
    public void Point()
    {
        (_tools, _before) = (new(), Environment.GetEnvironmentVariable(FfmpegReport.Variable));
        Environment.SetEnvironmentVariable(FfmpegReport.Variable, _tools.Path);
    }

    [TearDown]
    public void Restore()
    {
        Environment.SetEnvironmentVariable(FfmpegReport.Variable, _before);
        _tools.Dispose();
    }

    [Test]
    public async Task A_clip_becomes_what_ffmpeg_makes_of_it()
    {
        Tool("ffmpeg", """
            for last in "$@"; do case "$last" in comment=*) echo "${last#comment=}" > "$tools/comment";; esac; done
            cat > "$tools/given"
            printf '....ftypisom' > "${last#file:}"
            """);
        var path = Folder.File("waves.mp4");
        var run = await CliRun.OfAsync(["video", "waves", "-o", path, "--seed", "7", .. _settings]);
        Assert.That(run.Code, Is.Zero, run.Error);
        Assert.That(run.Out, Does.StartWith($"wrote {path} (5 frames of 48x32, 16 a second, 2 steps, seed 7, "));
        Assert.That(Written(), Is.EqualTo(new[] { "waves.mp4" }));
        Assert.That(File.ReadAllBytes(_tools.File("given")), Has.Length.EqualTo(5 * 48 * 32 * 3));

        // The comment is all an MP4 keeps, and enough to make the frames again.
        Tool("ffprobe", """printf '{"format": {"tags": {"comment": "%s"}}}' "$(sed ':a;N;$!ba;s/\n/\\n/g' "$tools/comment")" """);
        run = await CliRun.OfAsync(["video", "--from", path, "-o", Folder.File("again.png"), .. _settings[..4]]);
        Assert.That(run.Code, Is.Zero, run.Error);
        Assert.That(VideoClip.Load(Folder.File("again.png")).Frames.SelectMany(frame => frame.Pixels.ToArray()), Is.EqualTo(File.ReadAllBytes(_tools.File("given"))));
    }

    [Test]
    public async Task Without_ffmpeg_the_call_is_refused_before_the_model_is_loaded()
    {
        (await CliRun.OfAsync(["video", "waves", "-o", Folder.File("a.mp4"), .. _settings[..2]])).Failed(1, "a.mp4: MP4 needs ffmpeg", _tools.Path, FfmpegReport.Variable);
        (await CliRun.OfAsync(["video", "waves", "--format", "mp4", .. _settings[..2]])).Failed(1, "tuna2-SEED.mp4: MP4 needs ffmpeg");
        var film = Folder.Write("in/a.mp4", "....ftypisom"u8);
        (await CliRun.OfAsync(["video", "--from", film, "-o", Folder.File("b.png"), .. _settings[..2]])).Failed(1, "a.mp4: the comment of an MP4 needs ffprobe", _tools.Path);
        Assert.That(Written(), Is.EqualTo(new[] { "in/a.mp4" }));
    }

    [TestCase("echo half > \"${last#file:}\"; head -c 1000 > /dev/null; echo 'No space left on device' >&2; exit 1", "No space left on device")]
    [TestCase("echo half > \"${last#file:}\"; cat > /dev/null; kill -9 $$", "exit code 137")]
    [TestCase("cat > /dev/null", "ffmpeg failed")]
    public async Task An_ffmpeg_that_fails_midway_leaves_nothing_and_what_was_there(string script, string words)
    {
        Tool("ffmpeg", $"for last in \"$@\"; do :; done; {script}");
        var path = Folder.Write("a.mp4", "an older film"u8);
        var run = await CliRun.OfAsync(["video", "waves", "-o", path, .. _settings]);
        Assert.That((run.Code, run.Out), Is.EqualTo((1, "")));
        Assert.That(run.Error.TrimEnd('\n').Split('\n')[^1], Does.StartWith($"tuna2: cannot write {path}: ffmpeg failed").And.Contain(words));
        Assert.That(Written(), Is.EqualTo(new[] { "a.mp4" }));
        Assert.That(File.ReadAllText(path), Is.EqualTo("an older film"));
    }

    [TestCase("""{"format": {}}""", "does not say how it was made")]
    [TestCase("""{"format": {"tags": {"comment": "filmed by hand"}}}""", "has no line of settings")]
    [TestCase("""{"format": {"tags": {"comment": 3}}}""", "ffprobe's answer makes no sense")]
    [TestCase("nonsense", "ffprobe's answer makes no sense")]
    public async Task A_film_whose_comment_is_not_ours_is_refused(string probed, string words)
    {
        Tool("ffmpeg", ":");
        Tool("ffprobe", $"echo '{probed}'");
        (await CliRun.OfAsync(["video", "--from", Folder.Write("in/a.mp4", "....ftypisom"u8), "-o", Folder.File("b.png"), .. _settings[..2]])).Failed(1, "a.mp4", words);
    }

    /// <summary>ffmpeg itself, where the machine has one: what is written can be read, looks the same, is asked about and made again.</summary>
    [Test]
    public async Task Ffmpeg_writes_and_reads_a_clip()
    {
        Environment.SetEnvironmentVariable(FfmpegReport.Variable, _before);
        if (FfmpegReport.Find() is not { Path: not null, ProbePath: not null })
            Requirement.Missing("ffmpeg", FfmpegReport.Find().Path is null ? FfmpegReport.Find().Failure : "there is no ffprobe");
        string film = Folder.File("waves.mp4"), exact = Folder.File("waves.png"), again = Folder.File("again.png");
        Assert.That((await CliRun.OfAsync(["video", "waves, and a \"boat\": fast", "-o", film, "--seed", "7", "--fps", "12.5", "--quality", "100", .. _settings])).Code, Is.Zero);
        Assert.That((await CliRun.OfAsync(["video", "waves, and a \"boat\": fast", "-o", exact, "--seed", "7", "--fps", "12.5", .. _settings])).Code, Is.Zero);
        Assert.That((await CliRun.OfAsync(["video", "--from", film, "-o", again, .. _settings[..4]])).Code, Is.Zero);
        Assert.That(File.ReadAllBytes(again), Is.EqualTo(File.ReadAllBytes(exact)));
        var lossy = VideoClip.Load(film);
        Assert.That((lossy.Frames.Count, lossy.Width, lossy.Height, lossy.FramesPerSecond), Is.EqualTo((5, 48, 32, 12.5)));

        var run = (await CliRun.OfAsync(["ask", "--video", film, "What moves?", "--max-tokens", "3", "--width", "48", "--height", "32", "--json", .. _settings[..4]])).Succeeded();
        using var json = JsonDocument.Parse(run.Out);
        Assert.That(json.RootElement.GetProperty("turns")[0].GetProperty("pictures").GetInt32(), Is.EqualTo(5));

        // 4:2:0 has even sides, and colours of half the size: an odd clip's last row and column come twice, and a smooth one looks the same.
        VideoClip odd = new(Enumerable.Range(0, 5).Select(i => Smooth(47, 31, i))), even = new(Enumerable.Range(0, 5).Select(i => Smooth(48, 32, i)));
        odd.Save(Folder.File("odd.mp4"), options: new() { Quality = 100 });
        even.Save(Folder.File("even.mp4"), options: new() { Quality = 100 });
        Assert.That((VideoClip.Load(Folder.File("odd.mp4")).Width, VideoClip.Load(Folder.File("odd.mp4")).Height), Is.EqualTo((48, 32)));
        foreach (var (read, frame) in VideoClip.Load(Folder.File("even.mp4")).Frames.Zip(even.Frames))
            Assert.That(ImageQuality.Psnr(read, frame), Is.GreaterThan(30));
    }

    private static RgbImage Smooth(int width, int height, int shift) => new(width, height, Enumerable.Range(0, width * height)
        .SelectMany(at => new[] { (byte)(60 + 2 * (at % width) + 4 * shift), (byte)(200 - 3 * (at / width)), (byte)(100 + at % width + at / width) }).ToArray());

    private void Tool(string name, string script)
    {
        var path = _tools.Write(name, Encoding.UTF8.GetBytes($"#!/bin/sh\ntools='{_tools.Path}'\n{script}\n"));
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
