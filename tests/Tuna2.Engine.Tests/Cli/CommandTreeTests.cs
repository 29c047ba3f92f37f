using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.Json;
using NUnit.Framework;
using Spectre.Console;
using Tuna2.Cli;
using Tuna2.Cli.Commands;

namespace Tuna2.Engine.Tests.Cli;

/// <summary>What holds for every command there is.</summary>
public sealed class CommandTreeTests : CliFixture
{
    private static readonly string[] _commands = [.. Root().Subcommands.Select(command => command.Name)];

    [TestCaseSource(nameof(_commands))]
    public void It_says_what_it_does_takes_json_and_has_examples_that_parse(string name)
    {
        var command = (TunaCommand)Root().Subcommands.Single(command => command.Name == name);
        Assert.That(command.Description, Is.Not.Empty.And.Not.Contains('\n'), "a line of the list of commands");
        Assert.That(command.Options.Concat<Symbol>(command.Arguments).Where(symbol => string.IsNullOrEmpty(symbol.Description)).Select(symbol => symbol.Name), Is.Empty);
        Assert.That(command.Options.Select(option => option.Name), Does.Contain("--json"));
        Assert.That(command.Examples, Is.Not.Empty);
        foreach (var example in command.Examples)
        {
            // What stands before the program, and behind the command, is the shell's.
            var line = example[example.IndexOf("tuna2 ", StringComparison.Ordinal)..].Split([" | ", " > ", ")"], StringSplitOptions.None)[0].Replace('\'', '"');
            var parsed = Root().Parse(CommandLineParser.SplitCommandLine(line).Skip(1).ToList());
            Assert.That(parsed.Errors, Is.Empty, example);
            Assert.That(parsed.CommandResult.Command.Name, Is.EqualTo(name), example);
        }
    }

    [TestCaseSource(nameof(_commands))]
    public async Task Its_help_has_the_examples(string name)
    {
        var run = (await CliRun.OfAsync([name, "--help"])).Succeeded();
        Assert.That(run.Out, Does.Contain($"tuna2 {name}").And.Contain("Examples:"));
    }

    [TestCaseSource(nameof(_commands))]
    public async Task With_json_a_wrong_use_is_one_object_too(string name)
    {
        var run = await CliRun.OfAsync([name, "--no-such-option", "--json"]);
        Assert.That(run.Code, Is.EqualTo(2));
        Assert.That(run.Error, Does.StartWith($"tuna2 {name}: there is no option '--no-such-option'"));
        var error = Json(run.Out).GetProperty("error");
        Assert.That(error.GetProperty("kind").GetString(), Is.EqualTo("usage"));
        Assert.That(error.GetProperty("exit_code").GetInt32(), Is.EqualTo(2));
        Assert.That(error.GetProperty("message").GetString(), Does.Contain("--no-such-option"));
    }

    [Test]
    public async Task With_json_standard_output_is_one_value_for_every_command()
    {
        foreach (var arguments in new string[][]
        {
            ["demo", "-o", Folder.File("demo")],
            ["generate", "a red circle", "-o", Folder.File("a.png"), "--steps", "1"],
            ["edit", Circle, "make it green", "-o", Folder.File("b.png"), "--steps", "1"],
            ["reconstruct", Circle, "-o", Folder.File("c.png"), "--steps", "1"],
            ["ask", Circle, "What color is the circle?", "--max-tokens", "3"],
            ["inspect"],
            ["parity", Fixtures.Path("preprocess")],
            ["devices"],
            ["doctor"],
            ["completion", "fish"],
        })
        {
            var run = (await CliRun.OfAsync([.. arguments, "--json"], terminal: ColorSystemSupport.TrueColor)).Succeeded();
            Assert.That(Json(run.Out).ValueKind, Is.EqualTo(JsonValueKind.Object), arguments[0]);
        }
    }

    [TestCase(1, "model", "inspect", "no-such-model")]
    [TestCase(1, "image", "ask", "no-such.png", "Why?")]
    [TestCase(1, "device", "generate", "x", "--device", "cuda")]
    [TestCase(2, "usage", "generate", "x", "--width", "7")]
    [TestCase(2, "usage", "draw", "x")]
    public async Task With_json_an_error_is_one_object(int code, string kind, params string[] arguments)
    {
        var run = await CliRun.OfAsync([.. arguments, "--json"]);
        Assert.That(run.Code, Is.EqualTo(code));
        var error = Json(run.Out).GetProperty("error");
        Assert.That((error.GetProperty("kind").GetString(), error.GetProperty("exit_code").GetInt32()), Is.EqualTo((kind, code)));
        Assert.That(run.Error, Does.EndWith($"{error.GetProperty("message").GetString()}\n"));
    }

    [Test]
    public async Task A_stopped_command_with_json_says_so()
    {
        using var stop = new CancellationTokenSource();
        await stop.CancelAsync();
        var run = await CliRun.OfAsync(["generate", "x", "-o", Folder.File("a.png"), "--json"], cancellation: stop.Token);
        Assert.That(run.Code, Is.EqualTo(130));
        Assert.That(Json(run.Out).GetProperty("error").GetProperty("kind").GetString(), Is.EqualTo("cancelled"));
    }

    [Test]
    public async Task A_result_that_is_itself_a_complaint_is_not_followed_by_another()
    {
        var model = CopyModel();
        var config = Path.Combine(model, "config.json");
        await File.WriteAllTextAsync(config, (await File.ReadAllTextAsync(config)).Replace("\"num_hidden_layers\": 4", "\"num_hidden_layers\": 5", StringComparison.Ordinal));
        var run = await CliRun.OfAsync(["inspect", model, "--json"]);
        Assert.That(run.Code, Is.EqualTo(1));
        Assert.That(Json(run.Out).GetProperty("problem").GetString(), Does.Contain("missing"));
    }

    [TestCase("genrate", "generate")]
    [TestCase("edti", "edit")]
    [TestCase("docter", "doctor")]
    public async Task A_mistyped_command_is_recognised(string typed, string meant) =>
        (await CliRun.OfAsync([typed])).Failed(2, $"there is no command '{typed}'; did you mean '{meant}'?");

    [Test]
    public async Task What_is_wrong_with_kernels_is_said_before_NVRTC_is_missed()
    {
        (await CliRun.OfAsync(["kernels", "rms_nrm"])).Failed(2, "there is no kernel 'rms_nrm'; did you mean 'rms_norm'?");
        (await CliRun.OfAsync(["kernels", "--arch", "90"])).Failed(1, "'90' is not an architecture");
    }

    [Test]
    public async Task A_closed_standard_error_changes_no_exit_code()
    {
        using var output = new StringWriter();
        using var closed = new ClosedWriter();
        Assert.That(await Tuna2.Cli.Cli.RunAsync(["generate", "x", "--width", "7"], new CliConsole(output, closed)), Is.EqualTo(2));
        Assert.That(output.ToString(), Is.Empty);
    }

    [TestCase("--stps", "--steps", "generate", "x", "--stps", "3")]
    [TestCase("--stps", "--steps", "generate", "--stps", "3", "x")]
    [TestCase("--stps", "--steps", "generate", "x", "--stps=3")]
    [TestCase("--tensor", "--tensors", "inspect", "--tensor")]
    [TestCase("--quite", "--quiet", "parity", "--quite", "folder")]
    [TestCase("--modle", "--model", "demo", "--modle", "x")]
    public async Task A_mistyped_option_is_recognised_and_never_taken_for_text(string typed, string meant, params string[] arguments) =>
        (await CliRun.OfAsync(arguments)).Failed(2, $"there is no option '{typed}'; did you mean '{meant}'?");

    [TestCase("Usage:", "help")]
    [TestCase("tuna2 generate", "help", "generate")]
    public async Task Help_can_be_asked_for_as_a_command(string expected, params string[] arguments) =>
        Assert.That((await CliRun.OfAsync(arguments)).Succeeded().Out, Does.Contain(expected).And.Contain("--help"));

    [Test]
    public async Task A_name_like_no_other_gets_no_suggestion() =>
        Assert.That((await CliRun.OfAsync(["photosynthesis"])).Error + (await CliRun.OfAsync(["generate", "x", "-z"])).Error, Does.Not.Contain("did you mean"));

    [TestCase("--", "--odd prompt")]
    [TestCase("--", "--odd")]
    [TestCase("-5 degrees outside")]
    [TestCase("- a list")]
    public async Task Text_that_starts_with_a_dash_can_be_given(params string[] prompt) =>
        (await CliRun.OfAsync(["generate", "-o", Folder.File("a.png"), "--steps", "1", "--width", "16", "--height", "16", .. prompt])).Succeeded();

    private sealed class ClosedWriter : StringWriter
    {
        public override void WriteLine(string? value) => throw new UnauthorizedAccessException("Access to the path is denied.");
    }

    private static RootCommand Root() => Tuna2.Cli.Cli.CreateRoot(new CliConsole(TextWriter.Null, TextWriter.Null));

    private static JsonElement Json(string text)
    {
        using var json = JsonDocument.Parse(text);
        return json.RootElement.Clone();
    }
}
