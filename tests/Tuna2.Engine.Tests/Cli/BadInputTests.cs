using System.Buffers.Binary;
using NUnit.Framework;
using Tuna2.Cli;

namespace Tuna2.Engine.Tests.Cli;

/// <summary>Everything that can be wrong with a command line: one line that says what and where, the right code, and no files.</summary>
public sealed class BadInputTests : CliFixture
{
    private const int Failure = 1;
    private const int Usage = 2;

    [TearDown]
    public void Nothing_is_left_behind() =>
        Assert.That(Written().Where(path => path.EndsWith(".png", StringComparison.Ordinal) || path.EndsWith(".tmp", StringComparison.Ordinal)), Is.Empty);

    [Test]
    public Task No_model() => Fails(Failure, ["-m", Folder.File("no-such-model")], Folder.File("no-such-model"), "no such model directory");

    [Test]
    public Task A_file_for_a_model() => Fails(Failure, ["-m", Circle], Circle, "not a model directory");

    [Test]
    public Task A_directory_without_config()
    {
        var model = CopyModel();
        File.Delete(Path.Combine(model, "config.json"));
        return Fails(Failure, ["-m", model], model, "config.json");
    }

    [Test]
    public Task A_directory_without_tokenizer()
    {
        var model = CopyModel();
        File.Delete(Path.Combine(model, "tokenizer.json"));
        return Fails(Failure, ["-m", model], model, "tokenizer.json");
    }

    [Test]
    public Task A_directory_without_weights()
    {
        var model = CopyModel();
        File.Delete(Path.Combine(model, "model.safetensors"));
        return Fails(Failure, ["-m", model], model, "no weights");
    }

    [TestCase(4)]
    [TestCase(100)]
    [TestCase(1_000_000)]
    public async Task Weights_that_end_early(int length)
    {
        var weights = Path.Combine(CopyModel(), "model.safetensors");
        await using (var file = new FileStream(weights, FileMode.Open))
            file.SetLength(length);
        await Fails(Failure, ["-m", Path.GetDirectoryName(weights)!], weights);
    }

    [Test]
    public async Task Weights_whose_header_is_longer_than_the_file()
    {
        var weights = Path.Combine(CopyModel(), "model.safetensors");
        await using (var file = new FileStream(weights, FileMode.Open))
        {
            var length = new byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(length, long.MaxValue);
            file.Write(length);
        }
        await Fails(Failure, ["-m", Path.GetDirectoryName(weights)!], weights, "header");
    }

    [Test]
    public async Task Weights_whose_header_lies_about_a_tensor()
    {
        var weights = Path.Combine(CopyModel(), "model.safetensors");
        var bytes = await File.ReadAllBytesAsync(weights);
        var offsets = bytes.AsSpan().IndexOf("\"data_offsets\":["u8);
        bytes[offsets + "\"data_offsets\":[".Length] = (byte)'9';
        await File.WriteAllBytesAsync(weights, bytes);
        await Fails(Failure, ["-m", Path.GetDirectoryName(weights)!], weights);
    }

    [TestCase("tuna_3_pixel")]
    [TestCase("")]
    public async Task A_variant_nobody_knows(string variant)
    {
        var config = Path.Combine(CopyModel(), "config.json");
        await File.WriteAllTextAsync(config, (await File.ReadAllTextAsync(config)).Replace("tuna_2_pixel", variant, StringComparison.Ordinal));
        await Fails(Failure, ["-m", Path.GetDirectoryName(config)!], config, $"'{variant}'", "tuna_2_pixel");
    }

    [Test]
    public async Task A_config_that_is_not_JSON()
    {
        var config = Path.Combine(CopyModel(), "config.json");
        await File.WriteAllTextAsync(config, "{\n\"variant\": ");
        await Fails(Failure, ["-m", Path.GetDirectoryName(config)!], config, "not valid JSON");
    }

    [TestCase("--width", "50", "width", "16")]
    [TestCase("--height", "1000000", "height", "1000000")]
    [TestCase("--width", "0", "width", "not 0")]
    [TestCase("--width", "-64", "width", "-64")]
    [TestCase("--width", "99999999999", "--width", "99999999999")]
    [TestCase("--width", "64.5", "--width", "64.5")]
    [TestCase("--steps", "0", "steps", "not 0")]
    [TestCase("--steps", "many", "--steps", "many")]
    [TestCase("--guidance", "NaN", "--guidance", "NaN")]
    [TestCase("--guidance", "Infinity", "--guidance", "Infinity")]
    [TestCase("--guidance", "-1", "guidance", "-1")]
    [TestCase("--guidance", "2,5", "--guidance", "2,5")]
    [TestCase("--noise-scale", "-1", "noise scale", "-1")]
    [TestCase("--sampler", "magic", "--sampler", "euler, heun")]
    [TestCase("--count", "0", "count", "not 0")]
    [TestCase("--seed", "x", "--seed", "'x'")]
    [TestCase("--dtype", "f8", "--dtype", "bf16")]
    [TestCase("--device", "nonsense", "nonsense", "cuda")]
    [TestCase("--device", "cuda:", "cuda:", "cuda:N")]
    [TestCase("--threads", "-1", "threads", "-1")]
    [TestCase("--stepz", "3", "--stepz", "tuna2 generate --help")]
    public Task An_option_that_makes_no_sense(string option, string value, params string[] words) => Fails(Usage, [option, value], words);

    [TestCase("0.9", "0.1")]
    [TestCase("0", "2")]
    [TestCase("NaN", "1")]
    public Task A_guidance_interval_that_is_none(string low, string high) => Fails(Usage, ["--cfg-interval", low, high], low);

    [Test]
    public Task Bf16_on_the_CPU() => Fails(Failure, ["--device", "cpu", "--dtype", "bf16"], "bf16", "CPU");

    [Test]
    public Task Bf16_on_the_device_that_was_chosen_for_the_user() => Fails(Failure, ["--dtype", "bf16"], "bf16");

    [TestCase("cuda")]
    [TestCase("cuda:7")]
    public Task A_CUDA_device_that_is_not_there(string device) => Fails(Failure, ["--device", device], device);

    [TestCase("")]
    [TestCase("  \n ")]
    public async Task An_empty_prompt(string prompt) =>
        (await CliRun.OfAsync(["generate", prompt, "-o", Folder.File("out.png")])).Failed(Usage, "PROMPT is empty");

    [Test]
    public async Task A_prompt_too_long() =>
        (await CliRun.OfAsync(["generate", string.Concat(Enumerable.Repeat("a red circle ", 1000)), "-o", Folder.File("out.png")])).Failed(Usage, "prompt", "tokens");

    [Test]
    public async Task A_prompt_without_quotes() =>
        (await CliRun.OfAsync(["generate", "a", "red", "circle", "-o", Folder.File("out.png")])).Failed(Usage, "'red'", "quotes");

    [Test]
    public async Task No_prompt() => (await CliRun.OfAsync(["generate"])).Failed(Usage, "PROMPT is missing", "tuna2 generate --help");

    [Test]
    public async Task No_command_gets_the_help_on_standard_error()
    {
        var run = await CliRun.OfAsync([]);
        Assert.That((run.Code, run.Out), Is.EqualTo((Usage, "")));
        Assert.That(run.Error, Does.Contain("Usage:").And.Contain("generate").And.Contain("First steps:"));
    }

    [Test]
    public async Task An_unknown_command() => (await CliRun.OfAsync(["draw", "a circle"])).Failed(Usage, "'draw'");

    [Test]
    public async Task An_option_without_its_value() => (await CliRun.OfAsync(["generate", "a circle", "--steps"])).Failed(Usage, "--steps needs a value");

    [Test]
    public async Task An_option_given_twice() => (await CliRun.OfAsync(["generate", "a circle", "--steps", "1", "--steps", "2"])).Failed(Usage, "--steps");

    [Test]
    public async Task A_missing_picture()
    {
        var path = Folder.File("nothing.png");
        foreach (var args in WithPicture(path))
            (await CliRun.OfAsync(args)).Failed(Failure, path, "no such file");
    }

    [Test]
    public async Task A_file_that_is_not_a_picture()
    {
        var path = Folder.Write("notes.jpg", "these are notes"u8);
        foreach (var args in WithPicture(path))
            (await CliRun.OfAsync(args)).Failed(Failure, path, "not a picture");
    }

    [Test]
    public async Task A_picture_that_ends_early()
    {
        var path = Folder.Write("half.jpg", (await File.ReadAllBytesAsync(Circle)).AsSpan(0, 200));
        foreach (var args in WithPicture(path))
            (await CliRun.OfAsync(args)).Failed(Failure, path);
    }

    [Test]
    public async Task A_bad_picture_is_told_before_the_model_is_loaded()
    {
        var model = CopyModel();
        File.Delete(Path.Combine(model, "model.safetensors"));
        (await CliRun.OfAsync(["reconstruct", Folder.File("nothing.png"), "-m", model])).Failed(Failure, "nothing.png");
    }

    [Test]
    public async Task An_output_folder_that_is_not_there_is_told_before_the_model_is_loaded()
    {
        var model = CopyModel();
        File.Delete(Path.Combine(model, "model.safetensors"));
        var output = Path.Combine(Folder.File("nowhere"), "out.png");
        (await CliRun.OfAsync(["generate", "a circle", "-m", model, "-o", output])).Failed(Failure, output, $"no folder {Folder.File("nowhere")}");
    }

    [Test]
    public async Task A_folder_in_the_way_of_the_output()
    {
        Directory.CreateDirectory(Folder.File("out-2.png"));
        (await CliRun.OfAsync(["generate", "a circle", "--count", "2", "-o", Folder.File("out.png")])).Failed(Failure, Folder.File("out-2.png"), "folder is in the way");
    }

    [Test]
    public async Task A_file_where_the_output_folder_should_be()
    {
        var file = Folder.Write("file", []);
        (await CliRun.OfAsync(["edit", Circle, "make it green", "-o", Path.Combine(file, "out.png")])).Failed(Failure, file, "is a file, not a folder");
    }

    [TestCase("out.tiff", ".tiff", ".webp")]
    [TestCase("out.5", ".5", ".png")]
    [TestCase("out.jpg", "JPEG", "--format asks for PNG", "--format", "png")]
    [TestCase("out.png", "--quality is for JPEG and WebP", "PNG", "--quality", "80")]
    [TestCase("out.jpg", "quality must be 1 to 100", "not 0", "--quality", "0")]
    [TestCase("out.webp", "quality must be 1 to 100", "not 101", "--quality", "101")]
    [TestCase("out.jpg", "--format", "png, jpeg, webp", "--format", "gif")]
    [TestCase("-", "standard output takes one picture, not 2", "2", "--count", "2")]
    [TestCase("-", "--json and -o -", "standard output", "--json")]
    [TestCase("-", "previews have nowhere to go", "-o -", "--preview", "1")]
    public async Task An_output_that_makes_no_sense(string name, string word, string other, params string[] options) =>
        (await CliRun.OfAsync(["generate", "a circle", "-o", name == "-" ? name : Folder.File(name), .. options])).Failed(Usage, word, other);

    [Test]
    public async Task An_empty_output() => (await CliRun.OfAsync(["generate", "a circle", "-o", ""])).Failed(Usage, "--output is empty");

    [Test]
    [Platform(Exclude = "Win")]
    public async Task A_device_is_no_output() => (await CliRun.OfAsync(["generate", "a circle", "-o", "/dev/null"])).Failed(Usage, "/dev/null is a device", "-o -");

    [Test]
    public async Task A_picture_is_not_written_to_a_terminal_or_typed_into_one()
    {
        (await CliRun.OfAsync(["generate", "a circle", "-o", "-"], person: true)).Failed(Usage, "standard output is a terminal");
        (await CliRun.OfAsync(["reconstruct", "-", "-o", Folder.File("out.png")], person: true)).Failed(Usage, "standard input is a terminal");
    }

    [TestCase("64", "--size '64'")]
    [TestCase("64x", "--size '64x'")]
    [TestCase("2:1", "1:1, 4:3, 3:4, 16:9, 9:16")]
    [TestCase("source", "--size 'source'")]
    [TestCase("-64x64", "--size")]
    [TestCase("50x64", "width must be a multiple of 16", "50")]
    [TestCase("64x64", "give either", "--width", "--width", "64")]
    [TestCase("64x64", "--class", "pixels", "--class", "512")]
    [TestCase("1:1", "class must be 512 or 1024", "700", "--class", "700")]
    public Task A_size_that_makes_no_sense(string size, string word, string other = "", params string[] options) => Fails(Usage, ["--size", size, .. options], word, other);

    [TestCase("-1")]
    [TestCase("1001")]
    public Task Previews_that_make_no_sense(string every) => Fails(Usage, ["--preview", every], "previews", every);

    [TestCase("", Usage, "QUESTION is empty")]
    [TestCase("Why?", Usage, "answer tokens", "--max-tokens", "0")]
    [TestCase("Why?", Usage, "--temperature", "--temperature", "NaN")]
    [TestCase("Why?", Usage, "temperature", "--temperature", "-1")]
    [TestCase("Why?", Usage, "top-p", "--top-p", "0")]
    [TestCase("Why?", Usage, "top-k", "--top-k", "-5")]
    [TestCase("Why?", Usage, "width", "--width", "7")]
    public async Task A_question_that_cannot_be_asked(string question, int code, string word, params string[] options) =>
        (await CliRun.OfAsync(["ask", Circle, question, .. options])).Failed(code, word);

    [Test]
    public async Task A_folder_without_cases()
    {
        (await CliRun.OfAsync(["parity", Folder.Path])).Failed(Failure, Folder.Path, "cases.json");
        (await CliRun.OfAsync(["parity"])).Failed(Usage, "DIR is missing");
    }

    [Test]
    public async Task A_line_break_in_a_name_does_not_break_the_line() =>
        (await CliRun.OfAsync(["reconstruct", Folder.File("two\nlines.png")])).Failed(Failure, "two lines.png");

    private IEnumerable<string[]> WithPicture(string path)
    {
        var output = Folder.File("out.png");
        return [["edit", path, "make it green", "-o", output], ["reconstruct", path, "-o", output], ["ask", path, "What is it?"]];
    }

    private async Task Fails(int code, string[] options, params string[] words) =>
        (await CliRun.OfAsync(["generate", "a red circle", "-o", Folder.File("out.png"), .. options])).Failed(code, words);
}
