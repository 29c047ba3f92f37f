using System.Text.Json;
using NUnit.Framework;

namespace Tuna2.Engine.Tests.Cli;

/// <summary>make-random: a model every other command takes, or one line and nothing.</summary>
public sealed class MakeRandomCommandTests : CliFixture
{
    [Test]
    public async Task It_makes_a_model_that_inspect_and_ask_take()
    {
        var model = Folder.File("model");
        var run = (await CliRun.OfAsync(["make-random", "tuna2-shapes", model])).Succeeded();
        Assert.That(run.Out, Does.Match($"^wrote {model}: tuna2-shapes, 4,584,448 random parameters, seed 0, 9,[0-9]{{3}},[0-9]{{3}} bytes of weights in 1 file, [0-9.]+ s\n$"));
        Assert.That((await CliRun.OfAsync(["inspect", model])).Succeeded().Out, Does.Contain("the tensors of tuna2-shapes"));
        (await CliRun.OfAsync(["ask", Circle, "Why?", "-m", model, "--max-tokens", "3", "--no-memory-check"])).Succeeded();
    }

    [Test]
    public async Task The_small_model_of_latents_draws_and_films()
    {
        var model = Folder.File("model");
        (await CliRun.OfAsync(["make-random", "tuna_tiny", model])).Succeeded();
        Assert.That((await CliRun.OfAsync(["inspect", model])).Succeeded().Out, Does.Contain("the tensors of tuna_tiny").And.Contain("a video is 9 frames of 64x48"));
        (await CliRun.OfAsync(["generate", "a circle", "-m", model, "--steps", "2", "-o", Folder.File("circle.png"), "--device", "cpu"])).Succeeded();
        (await CliRun.OfAsync(["video", "a circle", "-m", model, "--steps", "2", "-o", Folder.File("clip.png"), "--device", "cpu"])).Succeeded();
        Assert.That(Tuna2.Engine.Imaging.VideoClip.Load(Folder.File("clip.png")).Frames, Has.Count.EqualTo(9));
    }

    [Test]
    public async Task What_was_made_comes_as_JSON()
    {
        var run = (await CliRun.OfAsync(["make-random", "tuna2-shapes", Folder.File("model"), "--seed", "-5", "--json"])).Succeeded();
        using var json = JsonDocument.Parse(run.Out);
        Assert.That(json.RootElement.GetProperty("seed").GetInt64(), Is.EqualTo(-5));
        var file = json.RootElement.GetProperty("files")[0].GetString()!;
        Assert.That(json.RootElement.GetProperty("bytes").GetInt64(), Is.EqualTo(new FileInfo(file).Length));
    }

    [Test]
    public async Task Bad_calls_are_refused()
    {
        (await CliRun.OfAsync(["make-random", "tuna-3b", Folder.File("model")])).Failed(2, "'tuna-3b'", "tuna_2_pixel_2b", "tuna_7b");
        (await CliRun.OfAsync(["make-random", "tuna_2b"])).Failed(2, "DIR is missing");
        (await CliRun.OfAsync(["make-random", "tuna2-shapes", ""])).Failed(2, "DIR is empty");
        (await CliRun.OfAsync(["make-random", "tuna2-shapes", Folder.Path])).Failed(1, Folder.Path, "not empty");
        Assert.That(Written(), Is.Empty);
    }

    [Test]
    public async Task Stopped_it_leaves_nothing()
    {
        using var cancel = new CancellationTokenSource();
        // 25 GB would take minutes: it is stopped long before, or refused for want of room.
        cancel.CancelAfter(TimeSpan.FromSeconds(1));
        var run = await CliRun.OfAsync(["make-random", "tuna_2_pixel_7b", Folder.File("model")], cancellation: cancel.Token);
        Assert.That(run.Code, Is.AnyOf(130, 1), run.Error);
        Assert.That(Directory.EnumerateFileSystemEntries(Folder.Path).Select(Path.GetFileName), Is.EqualTo(["in"]));
    }
}
