using System.Text.Json;
using NUnit.Framework;
using Tuna2.Engine.Imaging;
using Tuna2.Engine.Tests.Parity;

namespace Tuna2.Engine.Tests.Cli;

/// <summary>video and ask --video: a clip, or one line.</summary>
[CancelAfter(120_000)]
public sealed class VideoCommandTests : CliFixture
{
    private static readonly string[] _short = ["--size", "48x32", "--frames", "5", "--steps", "2", "--guidance", "1"];

    private static string Model => Fixtures.Path("tunavae-tiny");

    [OneTimeSetUp]
    public void MakeWeights() => SeededWeights.MakeTuna();

    [Test]
    public async Task A_clip_is_written_and_can_be_asked_about()
    {
        var path = Folder.File("clip.png");
        var run = Warned(await CliRun.OfAsync(["video", "a red circle moves", "-m", Model, "-o", path, "--device", "cpu", .. _short]));
        Assert.That(run.Out, Does.Match($"^wrote {path} \\(5 frames of 48x32, 16 a second, 2 steps, seed 42, [0-9.]+ (ms|s)\\)\n$"));
        var clip = VideoClip.Load(path);
        Assert.That((clip.Frames.Count, clip.Width, clip.Height, clip.FramesPerSecond), Is.EqualTo((5, 48, 32, 16.0)));

        run = (await CliRun.OfAsync(["ask", "--video", path, "What moves?", "-m", Model, "--max-tokens", "3", "--width", "48", "--height", "32", "--device", "cpu", "--json"])).Succeeded();
        using var json = JsonDocument.Parse(run.Out);
        Assert.That(json.RootElement.GetProperty("turns")[0].GetProperty("pictures").GetInt32(), Is.EqualTo(5));
    }

    [Test]
    public async Task A_clip_comes_as_JSON_or_on_standard_output()
    {
        var run = Warned(await CliRun.OfAsync(["video", "waves", "-m", Model, "-o", Folder.Path, "--fps", "8", "--seed", "7", "--json", "--device", "cpu", .. _short]));
        using var json = JsonDocument.Parse(run.Out);
        var (root, path) = (json.RootElement, Folder.File("tuna2-7.png"));
        Assert.That(root.GetProperty("path").GetString(), Is.EqualTo(path));
        Assert.That((root.GetProperty("frames").GetInt32(), root.GetProperty("frames_per_second").GetDouble()), Is.EqualTo((5, 8.0)));
        Assert.That((root.GetProperty("parameters").GetProperty("task").GetString(), root.GetProperty("parameters").GetProperty("frames").GetInt32()), Is.EqualTo(("video", 5)));

        run = await CliRun.OfAsync(["video", "waves", "-m", Model, "-o", "-", "--fps", "8", "--seed", "7", "--device", "cpu", .. _short]);
        Assert.That((run.Code, run.Out), Is.EqualTo((0, "")));
        Assert.That(run.Bytes, Is.EqualTo(File.ReadAllBytes(path)), "the same seed is the same clip");
    }

    [Test]
    public async Task A_clip_is_made_again_from_what_its_file_says()
    {
        string first = Folder.File("first.png"), small = Folder.File("first.webp"), again = Folder.File("again.png");
        string[] settings = ["-m", Model, "--device", "cpu"];
        Warned(await CliRun.OfAsync(["video", "waves", "-o", first, "--fps", "8", "--seed", "7", "--negative", "rain", .. settings, .. _short[..6], "--guidance", "2"]));
        Warned(await CliRun.OfAsync(["video", "--from", first, "-o", small, .. settings]));
        Warned(await CliRun.OfAsync(["video", "--from", small, "-o", again, .. settings]));
        Assert.That(File.ReadAllBytes(again), Is.EqualTo(File.ReadAllBytes(first)), "frames, rate and parameters");

        Warned(await CliRun.OfAsync(["video", "rain", "--from", small, "--seed", "8", "--fps", "4", "-o", again, .. settings]));
        var parameters = ImageRecipe.Read(again).Parameters!;
        Assert.That(parameters, Is.EqualTo(ImageRecipe.Read(first).Parameters! with { Prompt = "rain", Seed = 8, FramesPerSecond = 4 }), "what is given goes before");
    }

    [Test]
    public async Task A_file_that_does_not_say_how_it_was_made_is_refused_before_the_model_is_loaded()
    {
        var gif = Folder.Write("in/a.gif", (byte[])[.. "GIF89a"u8, 1, 0, 1, 0, 0, 0, 0, 0x3b]);
        (await CliRun.OfAsync(["video", "--from", gif, "-m", Model, "-o", Folder.File("a.png")])).Failed(1, "a.gif: a GIF has no room for texts");
        (await CliRun.OfAsync(["video", "--from", Circle, "-m", Model, "-o", Folder.File("a.png")])).Failed(1, "circle.png: the picture does not say how it was made");
        (await CliRun.OfAsync(["video", "--from", Folder.File("none.webp"), "-m", Model])).Failed(1, "none.webp: no such file");
        Assert.That(Written(), Is.EqualTo(new[] { "in/a.gif" }));
    }

    [Test]
    public async Task Previews_are_written_beside_the_clip()
    {
        var run = Warned(await CliRun.OfAsync(["video", "waves", "-m", Model, "-o", Folder.Path, "--preview", "1", "--json", "--device", "cpu", .. _short[..4], "--steps", "4", "--guidance", "1"]));
        using var json = JsonDocument.Parse(run.Out);
        string[] previews = ["tuna2-42-preview-1.png", "tuna2-42-preview-2.png"];
        Assert.That(json.RootElement.GetProperty("previews").EnumerateArray().Select(path => Path.GetFileName(path.GetString())), Is.EqualTo(previews));
        Assert.That(Written(), Is.EqualTo((string[])[.. previews, "tuna2-42.png"]));
        Assert.That((RgbImage.Load(Folder.File(previews[0])).Width, RgbImage.Load(Folder.File(previews[0])).Height), Is.EqualTo((48, 32)));
        (await CliRun.OfAsync(["video", "waves", "-m", Model, "-o", "-", "--preview", "1"])).Failed(2, "previews have nowhere to go");
    }

    [Test]
    public async Task A_chat_is_about_clips_too()
    {
        var path = Folder.File("in/frames");
        Directory.CreateDirectory(path);
        for (var i = 0; i < 9; i++)
            new RgbImage(48, 32, Enumerable.Repeat((byte)(25 * i), 48 * 32 * 3).ToArray()).Save(Path.Combine(path, $"{i}.png"));
        string[] settings = ["-m", Model, "--max-tokens", "3", "--width", "48", "--height", "32", "--device", "cpu", "--frames", "5"];
        var ask = (await CliRun.OfAsync(["ask", "--video", path, "What moves?", "--then", "And now?", .. settings])).Succeeded();
        var chat = (await CliRun.OfLinesAsync($"/video {path}\nWhat moves?\nAnd now?\n", ["chat", .. settings])).Succeeded();
        var given = (await CliRun.OfLinesAsync("What moves?\nAnd now?\n", ["chat", "--video", path, "--json", .. settings])).Succeeded();
        Assert.That(chat.Out, Is.EqualTo(ask.Out));
        using var json = JsonDocument.Parse(given.Out);
        var turns = json.RootElement.GetProperty("turns").EnumerateArray().Select(turn => (turn.GetProperty("pictures").GetInt32(), turn.GetProperty("clip").GetBoolean(), turn.GetProperty("answer").GetString())).ToList();
        Assert.That(turns.Select(turn => turn.Item1), Is.EqualTo(new[] { 5, 0 }));
        Assert.That(turns.Select(turn => turn.Item2), Is.EqualTo(new[] { true, false }));
        Assert.That(string.Concat(turns.Select(turn => turn.Item3 + "\n")), Is.EqualTo(ask.Out));

        var person = await CliRun.OfLinesAsync($"/video {path}\n/image {Circle}\n/reset\n/image {Circle}\n/video {path}\n", ["chat", .. settings], interactive: true);
        Assert.That(person.Error, Does.Contain("5 frames for the next question").And.Contain("a clip waits for the next question").And.Contain("a new conversation").And.Contain("1 picture for the next question").And.Contain("pictures wait for the next question"));
        (await CliRun.OfLinesAsync("/video none.mp4\nWhat?\n", ["chat", .. settings])).Failed(1, "none.mp4");
        (await CliRun.OfLinesAsync("/video\n", ["chat", .. settings])).Failed(2, "/video PATH");
        (await CliRun.OfLinesAsync($"/video {path}\n", ["chat", .. settings[..^2]])).Succeeded();
        (await CliRun.OfLinesAsync($"/video {path}\nWhat?\n", ["chat"])).Failed(2, "variant tuna_2_pixel sees pictures only");
        (await CliRun.OfAsync(["chat", Circle, "--video", path, "-m", Model])).Failed(2, "not both");
        (await CliRun.OfAsync(["chat", "-m", Model, "--frames", "6"])).Failed(2, "a clip has 1, 5, 9, ... frames, not 6");
        (await CliRun.OfAsync(["chat", "--frames", "5"])).Failed(2, "sees pictures only");
    }

    [Test]
    public async Task Bad_calls_are_refused_before_the_model_is_loaded()
    {
        (await CliRun.OfAsync(["video"])).Failed(2, "PROMPT is missing");
        (await CliRun.OfAsync(["video", "waves", "-o", Folder.File("a.png")])).Failed(2, "variant tuna_2_pixel makes pictures only");
        (await CliRun.OfAsync(["video", "waves", "-m", Model, "--frames", "6", "-o", Folder.File("a.png")])).Failed(2, "frames must be 1 and a multiple of 4");
        (await CliRun.OfAsync(["video", "waves", "-m", Model, "--vae-tile", "60", "-o", Folder.File("a.png")])).Failed(2, "the VAE tile must be a multiple of 16 from 64");
        (await CliRun.OfAsync(["video", "waves", "-m", Model, "--vae-tile", "big", "-o", Folder.File("a.png")])).Failed(2, "--vae-tile 'big' is not a whole number");
        (await CliRun.OfAsync(["generate", "waves", "--vae-tile", "64", "-o", Folder.File("a.png")])).Failed(2, "variant tuna_2_pixel has no VAE");
        (await CliRun.OfAsync(["ask", "What?", "-m", Model, "--vae-tile", "0"])).Failed(2, "the VAE tile must be");
        (await CliRun.OfAsync(["video", "waves", "-m", Model, "-o", Folder.File("a.jpg")])).Failed(2, "a.jpg", ".webp");
        (await CliRun.OfAsync(["video", "waves", "-m", Model, "-o", Folder.File("a.webp"), "--format", "png"])).Failed(2, "--format asks for animated PNG");
        (await CliRun.OfAsync(["video", "waves", "-m", Model, "-o", Folder.File("a.png"), "--quality", "50"])).Failed(2, "--quality is for WebP and MP4");
        (await CliRun.OfAsync(["video", "waves", "-m", Model, "-o", Folder.File("no/a.png")])).Failed(1, "there is no folder");
        (await CliRun.OfAsync(["ask", "--video", Circle, "What?"])).Failed(2, "variant tuna_2_pixel sees pictures only");
        (await CliRun.OfAsync(["ask", Circle, "--video", Circle, "What?", "-m", Model])).Failed(2, "not both");
        (await CliRun.OfAsync(["ask", "What?", "--frames", "5", "-m", Model])).Failed(2, "--frames is for the clip of --video");
        (await CliRun.OfAsync(["ask", "--video", Circle, "--frames", "6", "What?", "-m", Model])).Failed(2, "a clip has 1, 5, 9, ... frames, not 6");
        (await CliRun.OfAsync(["ask", "--video", Folder.File("no.mp4"), "What?", "-m", Model])).Failed(1, "no.mp4");
        Assert.That(Written(), Is.Empty);
    }

    [Test]
    public async Task Inspect_counts_clips_and_the_VAE()
    {
        var run = (await CliRun.OfAsync(["inspect", Model, "--width", "64", "--height", "64"])).Succeeded();
        Assert.That(run.Out, Does.Contain("video").And.Contain("VAE").And.Contain("a video is 49 frames of 64x64"));
        (await CliRun.OfAsync(["inspect", Model, "--frames", "6"])).Failed(2, "frames must be 1 and a multiple of 4");
        (await CliRun.OfAsync(["inspect", "--frames", "5"])).Failed(2, "there are no frames to count");

        run = (await CliRun.OfAsync(["inspect", Model])).Succeeded();
        Assert.That(run.Out, Does.Contain("a video is 49 frames of 672x384"));
    }

    [Test]
    public async Task Inspect_counts_what_a_tile_of_the_VAE_saves()
    {
        var (whole, tiled) = (await Memory(), await Memory("--vae-tile", "64"));
        Assert.That(tiled.GetProperty("vae_tile").GetInt32(), Is.EqualTo(64));
        Assert.That(tiled.GetProperty("video_frames").GetInt32(), Is.EqualTo(9));
        foreach (var task in new[] { "generate", "edit", "ask", "video" })
            Assert.That(Vae(tiled, task), Is.LessThan(Vae(whole, task) / 4), task);

        static long Vae(JsonElement memory, string task) => memory.GetProperty(task).GetProperty("vae_bytes").GetInt64();

        static async Task<JsonElement> Memory(params string[] more)
        {
            var run = (await CliRun.OfAsync(["inspect", Model, "--width", "192", "--height", "128", "--frames", "9", "--json", .. more])).Succeeded();
            using var json = JsonDocument.Parse(run.Out);
            return json.RootElement.GetProperty("memory").Clone();
        }
    }

    [Test]
    public async Task A_clip_in_tiles_says_so_and_is_asked_about_in_tiles()
    {
        var path = Folder.File("tiles.png");
        var run = await CliRun.OfAsync(["video", "waves", "-m", Model, "-o", path, "--size", "96x64", "--frames", "5", "--steps", "2", "--guidance", "1", "--vae-tile", "64", "--json", "--device", "cpu"]);
        Assert.That(run.Code, Is.Zero, run.Error);
        using var json = JsonDocument.Parse(run.Out);
        Assert.That(json.RootElement.GetProperty("parameters").GetProperty("vae_tile").GetInt32(), Is.EqualTo(64));
        (await CliRun.OfAsync(["ask", "--video", path, "What moves?", "-m", Model, "--max-tokens", "3", "--width", "96", "--height", "64", "--vae-tile", "64", "--device", "cpu"])).Succeeded();
    }

    /// <summary>It went well, and said once that nobody trained a model on so small a size.</summary>
    private static CliRun Warned(CliRun run)
    {
        Assert.That(run.Error, Does.Match("^tuna2: warning: 48x32 is none of the sizes[^\n]*\n$"));
        Assert.That(run.Code, Is.Zero);
        return run;
    }
}
