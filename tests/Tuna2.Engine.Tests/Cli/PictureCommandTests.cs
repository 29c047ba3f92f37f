using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Spectre.Console;
using Tuna2.Engine.Imaging;

namespace Tuna2.Engine.Tests.Cli;

/// <summary>generate, edit and reconstruct: files, names, text and JSON.</summary>
public sealed class PictureCommandTests : CliFixture
{
    private const string Prompt = "a red circle on a blue background";

    [Test]
    public async Task Generate_writes_a_PNG_of_the_size_asked_for_that_says_how_it_was_made()
    {
        var path = Folder.File("out.png");
        var run = await CliRun.OfAsync(["generate", Prompt, "-o", path, "--width", "48", "--height", "32", "--steps", "2", "--guidance", "2.5", "--sampler", "heun", "--seed", "7", "--negative", "blurry"]);
        run.Succeeded();

        Assert.That(run.Out, Does.StartWith($"wrote {path} (48x32, 2 steps, seed 7, "));
        var image = RgbImage.Load(path);
        Assert.That((image.Width, image.Height), Is.EqualTo((48, 32)));
        var text = ImageText.Read(path).ToDictionary();
        Assert.That(text["parameters"], Does.Contain(Prompt).And.Contain("Seed: 7").And.Contain("Steps: 2"));
        using var json = JsonDocument.Parse(text["tuna2"]);
        Assert.Multiple(() =>
        {
            Assert.That(json.RootElement.GetProperty("sampler").GetString(), Is.EqualTo("heun"));
            Assert.That(json.RootElement.GetProperty("guidance").GetSingle(), Is.EqualTo(2.5f));
            Assert.That(json.RootElement.GetProperty("negative_prompt").GetString(), Is.EqualTo("blurry"));
            Assert.That(json.RootElement.GetProperty("model").GetString(), Is.EqualTo("tuna2-shapes"));
        });
        Assert.That(Written(), Is.EqualTo(new[] { "out.png" }));
    }

    [Test]
    public async Task The_same_seed_gives_the_same_bytes_and_another_seed_others()
    {
        foreach (var (name, seed) in new[] { ("a.png", "3"), ("b.png", "3"), ("c.png", "4") })
            (await CliRun.OfAsync(["generate", Prompt, "-o", Folder.File(name), "--steps", "1", "--seed", seed])).Succeeded();
        var a = await File.ReadAllBytesAsync(Folder.File("a.png"));
        Assert.That(await File.ReadAllBytesAsync(Folder.File("b.png")), Is.EqualTo(a));
        Assert.That(await File.ReadAllBytesAsync(Folder.File("c.png")), Is.Not.EqualTo(a));
    }

    [TestCase("out.png", "out-1.png", "out-2.png")]
    [TestCase("{i} of 2.png", "1 of 2.png", "2 of 2.png")]
    [TestCase("", "tuna2-5.png", "tuna2-6.png")]
    public async Task Several_pictures_are_numbered(string output, params string[] names)
    {
        (await CliRun.OfAsync(["generate", Prompt, "-o", Folder.File(output), "--steps", "1", "--count", "2", "--seed", "5"])).Succeeded();
        Assert.That(Written(), Is.EqualTo(names));
    }

    [Test]
    public async Task Pictures_stepped_together_are_the_same_files()
    {
        foreach (var (folder, batch) in new[] { ("one", "1"), ("together", "2") })
        {
            Directory.CreateDirectory(Folder.File(folder));
            (await CliRun.OfAsync(["generate", Prompt, "-o", Folder.File(folder), "--steps", "2", "--count", "3", "--batch", batch])).Succeeded();
        }
        foreach (var name in new[] { "tuna2-42.png", "tuna2-43.png", "tuna2-44.png" })
            Assert.That(await File.ReadAllBytesAsync(Folder.File(Path.Combine("together", name))), Is.EqualTo(await File.ReadAllBytesAsync(Folder.File(Path.Combine("one", name)))));
    }

    /// <summary>The same seed twice, in a folder: names that are promised to previews are not given away again.</summary>
    [Test]
    public async Task Prompts_come_from_a_file_a_line_each()
    {
        await File.WriteAllTextAsync(Folder.File("prompts.txt"), "a red circle on a blue background\r\n\n  a green square  \n");
        var run = (await CliRun.OfAsync(["generate", "--prompts", Folder.File("prompts.txt"), "-o", Folder.Path, "--steps", "2", "--batch", "2", "--preview", "1", "--json"])).Succeeded();
        using var json = JsonDocument.Parse(run.Out);
        Assert.That(json.RootElement.GetProperty("images").EnumerateArray().Select(image => (
            Path.GetFileName(image.GetProperty("path").GetString()), image.GetProperty("parameters").GetProperty("prompt").GetString(), Path.GetFileName(image.GetProperty("previews")[0].GetString()))),
            Is.EqualTo(new[] { ("tuna2-42.png", Prompt, "tuna2-42-preview-1.png"), ("tuna2-42-2.png", "a green square", "tuna2-42-2-preview-1.png") }));
        (await CliRun.OfAsync(["generate", Prompt, "-o", Folder.File("alone.png"), "--steps", "2"])).Succeeded();
        Assert.That(await File.ReadAllBytesAsync(Folder.File("tuna2-42.png")), Is.EqualTo(await File.ReadAllBytesAsync(Folder.File("alone.png"))));
        (await CliRun.OfAsync(["generate", "--prompts", "-", "-o", Folder.File("sent.png"), "--steps", "2"], input: "a red circle on a blue background"u8.ToArray())).Succeeded();
        Assert.That(await File.ReadAllBytesAsync(Folder.File("sent.png")), Is.EqualTo(await File.ReadAllBytesAsync(Folder.File("alone.png"))));
    }

    [Test]
    public async Task What_is_wrong_with_prompts_is_one_line()
    {
        await File.WriteAllTextAsync(Folder.File("none.txt"), " \n\n");
        await File.WriteAllBytesAsync(Folder.File("damaged.txt"), [0x61, 0xff, 0xfe]);
        await File.WriteAllTextAsync(Folder.File("two.txt"), "a\nb");
        (await CliRun.OfAsync(["generate", "--prompts", Folder.File("none.txt")])).Failed(2, "none.txt: there is no prompt in it");
        (await CliRun.OfAsync(["generate", "--prompts", Folder.File("damaged.txt")])).Failed(2, "damaged.txt: not text in UTF-8");
        (await CliRun.OfAsync(["generate", "--prompts", Folder.File("missing.txt")])).Failed(2, "cannot read", "missing.txt");
        (await CliRun.OfAsync(["generate", Prompt, "--prompts", Folder.File("two.txt")])).Failed(2, "PROMPT and --prompts");
        (await CliRun.OfAsync(["generate", "--prompts", Folder.File("two.txt"), "-o", "-"])).Failed(2, "standard output takes one picture, not 2");
        (await CliRun.OfAsync(["generate", "--prompts", "-"], person: true)).Failed(2, "standard input is a terminal");
        (await CliRun.OfAsync(["generate", Prompt, "--batch", "65"])).Failed(2, "batch must be 1 to 64, not 65");
        (await CliRun.OfAsync(["generate"])).Failed(2, "PROMPT is missing");
    }

    [Test]
    public async Task A_picture_named_by_tuna2_does_not_take_the_place_of_another()
    {
        for (var i = 0; i < 2; i++)
            (await CliRun.OfAsync(["generate", Prompt, "-o", Folder.Path, "--steps", "1"])).Succeeded();
        Assert.That(Written(), Is.EqualTo(new[] { "tuna2-42-2.png", "tuna2-42.png" }));
    }

    [Test]
    public async Task Json_is_one_object_with_path_and_parameters()
    {
        var run = (await CliRun.OfAsync(["generate", Prompt, "-o", Folder.File("a.png"), "--steps", "1", "--count", "2", "--json"])).Succeeded();
        using var json = JsonDocument.Parse(run.Out);
        var images = json.RootElement.GetProperty("images").EnumerateArray().ToList();
        Assert.That(images.Select(image => image.GetProperty("path").GetString()), Is.EqualTo(new[] { Folder.File("a-1.png"), Folder.File("a-2.png") }));
        Assert.That(images.Select(image => image.GetProperty("parameters").GetProperty("seed").GetInt64()), Is.EqualTo(new[] { 42L, 43L }));
        Assert.That(json.RootElement.GetProperty("seconds").GetDouble(), Is.GreaterThan(0));
    }

    [Test]
    public async Task On_a_terminal_a_line_of_progress_is_rewritten_and_taken_away()
    {
        var run = await CliRun.OfAsync(["generate", Prompt, "-o", Folder.Path, "--steps", "100", "--count", "2"], terminal: ColorSystemSupport.NoColors);
        Assert.That(run.Code, Is.Zero);
        Assert.That(run.Error, Does.Match(@"\r[^\r]* [0-9]+%  image [12]/2, step [0-9]+/100  [0-9.]+ s left of about [0-9.]+ s"));
        Assert.That(run.Error, Does.EndWith("\r\u001b[K").And.Not.Contain("\n"));
        Assert.That(run.Out, Does.Not.Match("[\u001b\r]"));
    }

    [Test]
    public async Task Edit_writes_a_picture_and_says_which_seed_it_drew()
    {
        var run = (await CliRun.OfAsync(["edit", Circle, "make the circle green", "-o", Folder.File("green.png"), "--steps", "1"])).Succeeded();
        Assert.That(run.Out, Does.Match(@"green\.png \(64x64, 1 step, seed [0-9]+, "));
        using var json = JsonDocument.Parse(ImageText.Read(Folder.File("green.png")).ToDictionary()["tuna2"]);
        Assert.That(json.RootElement.GetProperty("task").GetString(), Is.EqualTo("edit"));
    }

    [Test]
    public async Task Reconstruct_prints_PSNR_and_SSIM_against_the_cropped_source()
    {
        var path = Folder.File("again.png");
        var run = (await CliRun.OfAsync(["reconstruct", Circle, "-o", path, "--width", "32", "--steps", "2"])).Succeeded();

        var match = Regex.Match(run.Out, @"^PSNR (?<psnr>[0-9.]+) dB\nSSIM (?<ssim>-?[0-9.]+)\nwrote ");
        Assert.That(match.Success, Is.True, run.Out);
        var (made, seen) = (RgbImage.Load(path), CoverCrop.Apply(RgbImage.Load(Circle), 32, 64));
        Assert.That(double.Parse(match.Groups["psnr"].Value, CultureInfo.InvariantCulture), Is.EqualTo(ImageQuality.Psnr(made, seen)).Within(0.006));
        Assert.That(double.Parse(match.Groups["ssim"].Value, CultureInfo.InvariantCulture), Is.EqualTo(ImageQuality.Ssim(made, seen)).Within(0.00006));
    }

    [Test]
    public async Task Reconstruct_gives_its_figures_as_JSON()
    {
        var run = (await CliRun.OfAsync(["reconstruct", Circle, "-o", Folder.Path, "--steps", "1", "--json"])).Succeeded();
        using var json = JsonDocument.Parse(run.Out);
        Assert.That(json.RootElement.GetProperty("psnr_db").GetDouble(), Is.GreaterThan(0));
        Assert.That(json.RootElement.GetProperty("ssim").GetDouble(), Is.InRange(-1, 1));
        Assert.That(Written(), Is.EqualTo(new[] { "tuna2-reconstruct.png" }));
    }

    [Test]
    public async Task A_long_prompt_is_cut_on_request_and_the_user_is_told()
    {
        var prompt = string.Concat(Enumerable.Repeat("a red circle ", 1000));
        var run = await CliRun.OfAsync(["generate", prompt, "-o", Folder.File("cut.png"), "--width", "16", "--height", "16", "--steps", "1", "--guidance", "1", "--cut-prompt"]);
        Assert.That(run.Code, Is.Zero);
        Assert.That(run.Error, Does.Match("^tuna2: warning: the prompt was cut from [0-9]+ to [0-9]+ tokens.*\n$"));
        Assert.That(File.Exists(Folder.File("cut.png")), Is.True);
    }

    [Test]
    [SetCulture("de-DE")]
    public async Task Numbers_are_read_and_written_the_same_way_in_every_country()
    {
        var run = (await CliRun.OfAsync(["generate", Prompt, "-o", Folder.Path, "--steps", "1", "--guidance", "1.5", "--cfg-interval", "0.1", "0.9", "--noise-scale", "3.5", "--json"])).Succeeded();
        using var json = JsonDocument.Parse(run.Out);
        var parameters = json.RootElement.GetProperty("images")[0].GetProperty("parameters");
        Assert.That(parameters.GetProperty("guidance").GetSingle(), Is.EqualTo(1.5f));
        Assert.That(parameters.GetProperty("cfg_interval")[1].GetSingle(), Is.EqualTo(0.9f));
        Assert.That(parameters.GetProperty("noise_scale").GetSingle(), Is.EqualTo(3.5f));
    }
}
