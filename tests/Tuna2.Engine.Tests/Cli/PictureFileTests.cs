using System.Text.Json;
using NUnit.Framework;
using Spectre.Console;
using Tuna2.Cli;
using Tuna2.Engine.Imaging;
using Tuna2.Engine.Tests.Imaging;

namespace Tuna2.Engine.Tests.Cli;

/// <summary>What the picture commands read and write: formats, standard streams, sizes, --from, previews, an interrupted run.</summary>
public sealed class PictureFileTests : CliFixture
{
    private const string Prompt = "a red circle on a blue background";

    [TestCase("out.png", ImageFormat.Png)]
    [TestCase("out.JPG", ImageFormat.Jpeg)]
    [TestCase("ein Kreis ⬤.webp", ImageFormat.Webp)]
    [TestCase("out", ImageFormat.Png)]
    [TestCase("out", ImageFormat.Webp, "--format", "webp")]
    [TestCase("v1.5", ImageFormat.Jpeg, "--format", "jpeg")]
    [TestCase("out.jpg", ImageFormat.Jpeg, "--format", "jpeg", "--quality", "40")]
    public async Task The_name_or_the_format_says_what_is_written(string name, ImageFormat format, params string[] options)
    {
        var run = (await CliRun.OfAsync(["generate", Prompt, "-o", Folder.File(name), "--steps", "1", .. options])).Succeeded();
        Assert.That(run.Out, Does.StartWith($"wrote {Folder.File(name)} "));
        var bytes = await File.ReadAllBytesAsync(Folder.File(name));
        Assert.That(ImageFormats.OfContent(bytes), Is.EqualTo(format));
        Assert.That(ImageRecipe.Read(Folder.File(name)).Parameters!.Prompt, Is.EqualTo(Prompt));
        Assert.That(Written(), Is.EqualTo(new[] { name }));
    }

    [Test]
    public async Task Quality_100_of_a_WebP_is_the_picture_of_the_PNG()
    {
        (await CliRun.OfAsync(["generate", Prompt, "-o", Folder.File("a.png"), "--steps", "1"])).Succeeded();
        (await CliRun.OfAsync(["generate", Prompt, "-o", Folder.File("a.webp"), "--steps", "1", "--quality", "100"])).Succeeded();
        (await CliRun.OfAsync(["generate", Prompt, "-o", Folder.File("b.webp"), "--steps", "1"])).Succeeded();
        CoverCropTests.AssertSame(RgbImage.Load(Folder.File("a.webp")), RgbImage.Load(Folder.File("a.png")));
        Assert.That(ImageQuality.Psnr(RgbImage.Load(Folder.File("b.webp")), RgbImage.Load(Folder.File("a.png"))), Is.LessThan(80));
    }

    [Test]
    public async Task A_folder_is_filled_with_files_of_the_format()
    {
        (await CliRun.OfAsync(["generate", Prompt, "-o", Folder.Path, "--steps", "1", "--count", "2", "--format", "jpeg"])).Succeeded();
        Assert.That(Written(), Is.EqualTo(new[] { "tuna2-42.jpg", "tuna2-43.jpg" }));
    }

    [TestCase]
    [TestCase("--format", "jpeg")]
    public async Task Standard_output_gets_the_file_and_nothing_else(params string[] options)
    {
        var format = options.Length == 0 ? ImageFormat.Png : ImageFormat.Jpeg;
        var run = await CliRun.OfAsync(["generate", Prompt, "-o", "-", "--steps", "1", .. options]);
        Assert.That((run.Code, run.Out), Is.EqualTo((0, "")));
        Assert.That(run.Error, Does.Match(@"^wrote standard output \(64x64, 1 step, seed 42, [^\n]*\)\n$"));
        (await CliRun.OfAsync(["generate", Prompt, "-o", Folder.File($"same{format.Ending()}"), "--steps", "1"])).Succeeded();
        Assert.That(run.Bytes, Is.EqualTo(await File.ReadAllBytesAsync(Folder.File($"same{format.Ending()}"))));
    }

    [Test]
    public async Task Standard_input_is_read_as_a_picture()
    {
        var bytes = await File.ReadAllBytesAsync(Circle);
        var run = await CliRun.OfAsync(["reconstruct", "-", "-o", "-", "--steps", "1"], input: bytes);
        Assert.That((run.Code, run.Out), Is.EqualTo((0, "")));
        Assert.That(run.Error, Does.Match("^PSNR [^\n]+\nSSIM [^\n]+\nwrote standard output "));
        (await CliRun.OfAsync(["reconstruct", Circle, "-o", Folder.File("same.png"), "--steps", "1"])).Succeeded();
        Assert.That(run.Bytes, Is.EqualTo(await File.ReadAllBytesAsync(Folder.File("same.png"))));

        (await CliRun.OfAsync(["edit", "-", "make the circle green", "-o", Folder.File("edit.png"), "--steps", "1"], input: bytes)).Succeeded();
        Assert.That((await CliRun.OfAsync(["ask", "-", "What color is the circle?"], input: bytes)).Succeeded().Out,
            Is.EqualTo((await CliRun.OfAsync(["ask", Circle, "What color is the circle?"])).Succeeded().Out));
        (await CliRun.OfAsync(["reconstruct", "-", "-o", Folder.File("out.png")], input: [])).Failed(1, "standard input: empty");
        (await CliRun.OfAsync(["reconstruct", "-", "-o", Folder.File("out.png")], input: bytes[..200])).Failed(1, "standard input: ");
    }

    [Test]
    public async Task A_photograph_is_turned_upright()
    {
        var jpeg = new RgbImage(32, 16, Enumerable.Range(0, 32 * 16).SelectMany(i => i % 32 < 16 ? new byte[] { 255, 0, 0 } : [0, 0, 255]).ToArray()).Encode(ImageFormat.Jpeg);
        var path = Folder.Write("photo.jpg", JpegExif.Insert(jpeg, TestPictures.OrientationTiff(6, little: true)));
        var upright = Folder.File("upright.png");
        RgbImage.Load(path).Save(upright);
        foreach (var (from, to) in new[] { (path, "a.png"), (upright, "b.png") })
            (await CliRun.OfAsync(["reconstruct", from, "-o", Folder.File(to), "--steps", "1"])).Succeeded();
        CoverCropTests.AssertSame(RgbImage.Load(Folder.File("a.png")), RgbImage.Load(Folder.File("b.png")));
    }

    [TestCase("48x32", 48, 32)]
    [TestCase("48X32", 48, 32)]
    [TestCase("16:9", 80, 48)]
    [TestCase("1:1", 64, 64)]
    public async Task A_size_is_given_in_pixels_or_as_a_shape(string size, int width, int height)
    {
        (await CliRun.OfAsync(["generate", Prompt, "-o", Folder.File("a.png"), "--steps", "1", "--size", size])).Succeeded();
        var image = RgbImage.Load(Folder.File("a.png"));
        Assert.That((image.Width, image.Height), Is.EqualTo((width, height)));
    }

    [Test]
    public async Task The_size_can_be_that_of_the_source()
    {
        TestPictures.Waves(300, 100).Save(Folder.File("wide.png"));
        (await CliRun.OfAsync(["reconstruct", Folder.File("wide.png"), "-o", Folder.File("a.png"), "--steps", "1", "--size", "source"])).Succeeded();
        (await CliRun.OfAsync(["edit", Folder.File("wide.png"), "make it red", "-o", Folder.File("b.png"), "--steps", "1"])).Succeeded();
        Assert.That(RgbImage.Load(Folder.File("a.png")) is { Width: 112, Height: 32 }, Is.True);
        Assert.That(RgbImage.Load(Folder.File("b.png")) is { Width: 64, Height: 64 }, Is.True, "without, the model's own");
    }

    [Test]
    public async Task A_size_off_the_official_list_is_warned_of_once_and_in_JSON()
    {
        var model = CopyModel();
        var config = Path.Combine(model, "config.json");
        await File.WriteAllTextAsync(config, (await File.ReadAllTextAsync(config)).Replace("\"width\": 64", "\"width\": 512", StringComparison.Ordinal).Replace("\"height\": 64", "\"height\": 512", StringComparison.Ordinal));
        string[] args = ["generate", Prompt, "-m", model, "-o", Folder.File("a.png"), "--steps", "1", "--guidance", "1", "--count", "2", "--size"];
        var run = await CliRun.OfAsync([.. args, "64x64"]);
        Assert.That(run.Code, Is.Zero);
        Assert.That(run.Error, Does.Match("^tuna2: warning: 64x64 is none of the sizes [^\n]*; the nearest is 512x512\n$"));
        run = await CliRun.OfAsync([.. args, "64x64", "--json"]);
        using var json = JsonDocument.Parse(run.Out);
        foreach (var image in json.RootElement.GetProperty("images").EnumerateArray())
            Assert.That(image.GetProperty("warnings")[0].GetString(), Does.StartWith("64x64 is none of the sizes"));
        Assert.That((await CliRun.OfAsync(["inspect", model])).Out, Does.Contain("512x512, 576x448, 448x576"));
        Assert.That((await CliRun.OfAsync(["inspect", DemoModel])).Out, Does.Not.Contain("576x448"));
    }

    [TestCase("made.png")]
    [TestCase("made.jpg")]
    [TestCase("made.webp")]
    public async Task From_a_picture_the_same_picture_is_made_again(string name)
    {
        string[] settings = ["--size", "48x32", "--steps", "3", "--guidance", "2.5", "--sampler", "heun", "--seed", "9", "--negative", "blurry", "--noise-scale", "3.5", "--cfg-interval", "0.1", "0.9"];
        (await CliRun.OfAsync(["generate", Prompt, "-o", Folder.File(name), .. settings])).Succeeded();
        (await CliRun.OfAsync(["generate", Prompt, "-o", Folder.File("made once.png"), .. settings])).Succeeded();
        (await CliRun.OfAsync(["generate", "--from", Folder.File(name), "-o", Folder.File("again.png")])).Succeeded();
        Assert.That(await File.ReadAllBytesAsync(Folder.File("again.png")), Is.EqualTo(await File.ReadAllBytesAsync(Folder.File("made once.png"))));

        (await CliRun.OfAsync(["generate", "--from", Folder.File(name), "a green square", "--seed", "10", "--width", "64", "-o", Folder.File("other.png")])).Succeeded();
        var (made, other) = (ImageRecipe.Read(Folder.File(name)).Parameters!, ImageRecipe.Read(Folder.File("other.png")).Parameters!);
        Assert.That(other, Is.EqualTo(made with { Prompt = "a green square", Seed = 10, Width = 64 }));
    }

    [Test]
    public async Task An_edit_and_a_reconstruction_are_made_again_from_their_source()
    {
        foreach (var (command, text) in new[] { ("edit", "make the circle green"), ("reconstruct", null) })
        {
            (await CliRun.OfAsync([command, Circle, .. text is null ? [] : (string[])[text], "-o", Folder.File("a.png"), "--steps", "2", "--guidance", "1.5"])).Succeeded();
            (await CliRun.OfAsync([command, Circle, "--from", Folder.File("a.png"), "-o", Folder.File("b.png")])).Succeeded();
            Assert.That(await File.ReadAllBytesAsync(Folder.File("b.png")), Is.EqualTo(await File.ReadAllBytesAsync(Folder.File("a.png"))), command);
        }
        var run = await CliRun.OfAsync(["generate", "--from", Folder.File("a.png"), "-o", Folder.File("c.png")]);
        Assert.That(run.Code, Is.EqualTo(2));
        Assert.That(run.Error, Does.Contain("was made by 'reconstruct', not 'generate'").And.Contain("PROMPT is missing"));
    }

    [Test]
    public async Task A_cut_prompt_is_cut_again_without_being_asked()
    {
        var prompt = string.Concat(Enumerable.Repeat("a red circle ", 1000));
        Assert.That((await CliRun.OfAsync(["generate", prompt, "-o", Folder.File("a.png"), "--size", "16x16", "--steps", "1", "--guidance", "1", "--cut-prompt"])).Code, Is.Zero);
        Assert.That((await CliRun.OfAsync(["generate", "--from", Folder.File("a.png"), "-o", Folder.File("b.png")])).Code, Is.Zero);
        Assert.That(await File.ReadAllBytesAsync(Folder.File("b.png")), Is.EqualTo(await File.ReadAllBytesAsync(Folder.File("a.png"))));
    }

    [Test]
    public async Task Another_model_and_another_sampler_are_told()
    {
        const string text = "a red circle\nSteps: 1, Sampler: DPM++ 2M, CFG scale: 1, Seed: 4, Size: 32x32, Model: somebody else's";
        TestPictures.Noise(4, 4).Save(Folder.File("other.png"), options: new() { Text = [new("parameters", text)] });
        var run = await CliRun.OfAsync(["generate", "--from", Folder.File("other.png"), "-o", Folder.File("a.png")]);
        Assert.That(run.Code, Is.Zero);
        Assert.That(run.Error, Does.Match("^tuna2: warning: [^\n]*DPM\\+\\+ 2M[^\n]*\ntuna2: warning: [^\n]*somebody else's, not tuna2-shapes[^\n]*\n$"));
        Assert.That(ImageRecipe.Read(Folder.File("a.png")).Parameters, Is.EqualTo(new GenerationParameters
        {
            Task = "generate", Prompt = "a red circle", NegativePrompt = "", Steps = 1, Sampler = SamplerKind.Euler, Guidance = 1, GuidanceLow = 0, GuidanceHigh = 1,
            Seed = 4, Width = 32, Height = 32, NoiseScale = 4, Model = "tuna2-shapes", Device = "cpu",
        }));
    }

    [Test]
    public async Task A_picture_that_does_not_say_how_it_was_made_is_no_recipe()
    {
        (await CliRun.OfAsync(["generate", "--from", Circle])).Failed(1, Circle, "does not say how it was made");
        (await CliRun.OfAsync(["generate", "--from", Folder.File("nothing.png")])).Failed(1, "nothing.png: no such file");
        (await CliRun.OfAsync(["generate", "--from", Folder.Write("notes.png", "notes"u8)])).Failed(1, "notes.png: not a picture");
        TestPictures.Noise(4, 4).Save(Folder.File("bad.png"), options: new() { Text = [new("tuna2", "{")] });
        (await CliRun.OfAsync(["generate", "--from", Folder.File("bad.png")])).Failed(1, "bad.png: its 'tuna2' parameters are damaged");
        var json = ImageRecipeJson("steps", "-4");
        TestPictures.Noise(4, 4).Save(Folder.File("range.png"), options: new() { Text = [new("tuna2", json)] });
        (await CliRun.OfAsync(["generate", "--from", Folder.File("range.png")])).Failed(2, "steps must be 1 to 1000, not -4");
        (await CliRun.OfAsync(["generate"])).Failed(2, "PROMPT is missing");
        (await CliRun.OfAsync(["edit", Circle])).Failed(2, "INSTRUCTION is missing");
    }

    [Test]
    public async Task Inspect_tells_how_a_picture_was_made()
    {
        (await CliRun.OfAsync(["generate", Prompt, "-o", Folder.File("a.webp"), "--steps", "2", "--seed", "9"])).Succeeded();
        var run = (await CliRun.OfAsync(["inspect", Folder.File("a.webp")])).Succeeded();
        Assert.That(run.Out, Does.Contain("WebP").And.Contain("64x64").And.Contain(Prompt).And.Match("seed +9\n").And.Contain("tuna2-shapes").And.Contain("euler"));
        run = (await CliRun.OfAsync(["inspect", Folder.File("a.webp"), "--json"])).Succeeded();
        using var json = JsonDocument.Parse(run.Out);
        Assert.That(json.RootElement.GetProperty("format").GetString(), Is.EqualTo("webp"));
        Assert.That(json.RootElement.GetProperty("parameters").GetProperty("seed").GetInt32(), Is.EqualTo(9));

        var piped = (await CliRun.OfAsync(["inspect", "-"], input: await File.ReadAllBytesAsync(Folder.File("a.webp")))).Succeeded();
        Assert.That(piped.Out, Does.Contain(Prompt).And.Contain("standard input"));
        (await CliRun.OfAsync(["inspect", "-"], input: "notes"u8.ToArray())).Failed(1, "standard input: not a picture");
        (await CliRun.OfAsync(["inspect", "-"], input: [])).Failed(1, "standard input: empty");

        Assert.That((await CliRun.OfAsync(["inspect", Circle])).Succeeded().Out, Does.Contain("it does not say"));
        TestPictures.Noise(4, 4).Save(Folder.File("a1111.png"), options: new() { Text = [new("parameters", "a cat\nSteps: 20, CFG scale: 7.5")] });
        using var other = JsonDocument.Parse((await CliRun.OfAsync(["inspect", Folder.File("a1111.png"), "--json"])).Succeeded().Out);
        Assert.That(other.RootElement.GetProperty("parameters").GetRawText().ReplaceLineEndings("").Replace(" ", "", StringComparison.Ordinal), Is.EqualTo("""{"prompt":"acat","negative_prompt":"","steps":20,"guidance":7.5}"""));
        TestPictures.Noise(4, 4).Save(Folder.File("bad.png"), options: new() { Text = [new("tuna2", "{")] });
        run = await CliRun.OfAsync(["inspect", Folder.File("bad.png")]);
        Assert.That(run.Code, Is.EqualTo(1));
        Assert.That(run.Out, Does.Contain("4x4"));
        Assert.That(run.Error, Does.Contain("bad.png: its 'tuna2' parameters are damaged"));
        (await CliRun.OfAsync(["inspect", Folder.Write("half.png", (await File.ReadAllBytesAsync(Circle)).AsSpan(0, 60))])).Failed(1, "half.png");
    }

    [TestCase("out.jpg", "out-preview-02.png", "out-preview-04.png")]
    [TestCase("", "tuna2-42-preview-02.png", "tuna2-42-preview-04.png")]
    public async Task Previews_are_written_beside_the_picture(string output, params string[] previews)
    {
        var run = (await CliRun.OfAsync(["generate", Prompt, "-o", Folder.File(output), "--steps", "10", "--preview", "2", "--json"])).Succeeded();
        using var json = JsonDocument.Parse(run.Out);
        Assert.That(json.RootElement.GetProperty("images")[0].GetProperty("previews").EnumerateArray().Select(p => Path.GetFileName(p.GetString())).Take(2), Is.EqualTo(previews));
        Assert.That(Written().Count(name => name.Contains("-preview-", StringComparison.Ordinal)), Is.EqualTo(4));
        Assert.That(RgbImage.Load(Folder.File(previews[0])).Width, Is.EqualTo(64));
        Assert.That(await File.ReadAllBytesAsync(Folder.File(previews[0])), Is.Not.EqualTo(await File.ReadAllBytesAsync(Folder.File(previews[1]))));
    }

    [Test]
    public async Task Previews_of_several_pictures_have_their_names_and_change_none_of_them()
    {
        (await CliRun.OfAsync(["generate", Prompt, "-o", Folder.File("a.png"), "--steps", "2", "--count", "2", "--preview", "1"])).Succeeded();
        Assert.That(Written(), Is.EqualTo(new[] { "a-1-preview-1.png", "a-1.png", "a-2-preview-1.png", "a-2.png" }));
        (await CliRun.OfAsync(["generate", Prompt, "-o", Folder.File("b.png"), "--steps", "2", "--count", "2"])).Succeeded();
        foreach (var i in new[] { 1, 2 })
            Assert.That(await File.ReadAllBytesAsync(Folder.File($"b-{i}.png")), Is.EqualTo(await File.ReadAllBytesAsync(Folder.File($"a-{i}.png"))));
    }

    [Test]
    public async Task On_a_terminal_previews_are_drawn_and_the_picture_stays()
    {
        var run = await CliRun.OfAsync(["generate", Prompt, "-o", Folder.File("a.png"), "--size", "16x16", "--steps", "3", "--preview", "1"], terminal: ColorSystemSupport.TrueColor);
        Assert.That(run.Code, Is.Zero);
        Assert.That(run.Error.Split("\x1b[8A"), Has.Length.EqualTo(3), "two previews and the picture, each over the last");
        var last = run.Error[(run.Error.LastIndexOf("\x1b[8A\r", StringComparison.Ordinal) + 5)..];
        var screen = new TerminalScreen(80, 24, TrueColour: true);
        Assert.That(last, Does.StartWith(string.Concat(Tuna2.Cli.Output.TerminalPicture.Lines(RgbImage.Load(Folder.File("a.png")), screen).Select(line => line + "\x1b[K\n"))));
        run = await CliRun.OfAsync(["generate", Prompt, "-o", Folder.File("b.png"), "--size", "16x16", "--steps", "3"], terminal: ColorSystemSupport.TrueColor);
        Assert.That(run.Error, Does.Not.Contain('▀'), "without --preview nothing is drawn");
    }

    [Test]
    public async Task A_preview_that_cannot_be_written_does_not_cost_the_picture()
    {
        Directory.CreateDirectory(Folder.File("a-preview-1.png"));
        var run = await CliRun.OfAsync(["generate", Prompt, "-o", Folder.File("a.png"), "--steps", "3", "--preview", "1"]);
        Assert.That(run.Code, Is.Zero);
        Assert.That(run.Error, Does.Match("^tuna2: warning: cannot write [^\n]*a-preview-1.png[^\n]*no more previews are written\n$"));
        Assert.That(Written(), Is.EqualTo(new[] { "a.png" }));
    }

    [Test]
    public async Task An_interrupted_run_keeps_what_was_finished_and_says_so()
    {
        using var cancel = new CancellationTokenSource();
        var stopping = Task.Run(async () =>
        {
            while (!File.Exists(Folder.File("a-2.png")))
                await Task.Delay(1);
            await cancel.CancelAsync();
        });
        var run = await CliRun.OfAsync(["generate", Prompt, "-o", Folder.File("a.png"), "--steps", "3", "--count", "1000"], cancellation: cancel.Token);
        await stopping;
        Assert.That(run.Code, Is.EqualTo(130));
        Assert.That(run.Error, Is.EqualTo("tuna2: cancelled\n"));
        var lines = run.Out.TrimEnd('\n').Split('\n');
        Assert.That(lines, Has.Length.InRange(2, 999));
        Assert.That(lines[1], Does.StartWith($"wrote {Folder.File("a-2.png")} "));
        Assert.That(Written(), Has.Count.EqualTo(lines.Length), "every file is told, and none is half-written");
        foreach (var name in Written())
            Assert.That(RgbImage.Load(Folder.File(name)).Width, Is.EqualTo(64));
    }

    private static string ImageRecipeJson(string member, string value)
    {
        var json = System.Text.Json.Nodes.JsonNode.Parse(new GenerationParameters
        {
            Task = "generate", Prompt = Prompt, NegativePrompt = "", Steps = 1, Sampler = SamplerKind.Euler, Guidance = 1, GuidanceLow = 0, GuidanceHigh = 1,
            Seed = 4, Width = 32, Height = 32, NoiseScale = 4, Model = "tuna2-shapes", Device = "cpu",
        }.ToJson())!;
        json[member] = System.Text.Json.Nodes.JsonNode.Parse(value);
        return json.ToJsonString();
    }
}
