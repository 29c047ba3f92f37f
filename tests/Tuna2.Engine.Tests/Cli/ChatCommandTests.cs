using System.Text.Json;
using NUnit.Framework;
using Tuna2.Cli;

namespace Tuna2.Engine.Tests.Cli;

/// <summary>chat: a line a question, a line an answer.</summary>
public sealed class ChatCommandTests : CliFixture
{
    private const string Color = "What color is the circle?";
    private const string Describe = "Describe the image in detail.";

    [Test]
    public async Task Lines_of_a_pipe_are_questions_of_one_conversation()
    {
        var chat = (await RunAsync($"{Color}\n\n{Describe}\n", ["chat", Circle])).Succeeded();
        var ask = (await CliRun.OfAsync(["ask", Circle, Color, "--then", Describe])).Succeeded();
        Assert.That(chat.Out, Is.EqualTo(ask.Out));
        Assert.That(chat.Out.TrimEnd('\n').Split('\n'), Has.Length.EqualTo(2).And.None.Empty);
    }

    [Test]
    public async Task Pictures_come_on_the_way_and_a_reset_forgets()
    {
        var saved = Folder.File("talk.json");
        var run = (await RunAsync($"/image {Circle}\n/image \"{Circle}\"\n{Color}\n/reset\n/image {Circle}\n{Color}\n/save {saved}\n/exit\nnot asked\n", ["chat", "--max-tokens", "8"])).Succeeded();
        Assert.That(run.Out.TrimEnd('\n').Split('\n'), Has.Length.EqualTo(2));
        using var json = JsonDocument.Parse(await File.ReadAllBytesAsync(saved));
        var turn = json.RootElement.GetProperty("turns").EnumerateArray().Single();
        Assert.That(turn.GetProperty("question").GetString(), Is.EqualTo(Color));
        Assert.That(turn.GetProperty("pictures").GetInt32(), Is.EqualTo(1));
        Assert.That(turn.GetProperty("answer").GetString(), Does.Contain("red"));
    }

    [TestCase("/image nothing.png", 1, "nothing.png")]
    [TestCase("/image", 2, "/image PATH")]
    [TestCase("/save", 2, "/save FILE")]
    [TestCase("/draw a circle", 2, "no command /draw")]
    public async Task A_script_ends_where_it_goes_wrong(string line, int code, string word) =>
        (await RunAsync($"{line}\n{Color}\n", ["chat"])).Failed(code, word);

    [Test]
    public async Task A_person_is_told_and_goes_on()
    {
        var run = await RunAsync($"/image nothing.png\n/draw\n/image {Circle}\n{Color}\n", ["chat"], interactive: true);
        Assert.That(run.Code, Is.Zero);
        Assert.That(run.Out, Does.Match("^[^\n]*red[^\n]*\n$"), "answers and nothing else");
        Assert.That(run.Error, Does.Contain("nothing.png").And.Contain("no command /draw").And.Contain("1 picture for the next question").And.Contain("> "));
    }

    [Test]
    public async Task Bad_pictures_and_options_are_told_before_the_model_is_loaded()
    {
        var model = CopyModel();
        File.Delete(Path.Combine(model, "model.safetensors"));
        (await RunAsync(Color, ["chat", Circle, Folder.File("nothing.png"), "-m", model])).Failed(1, "nothing.png");
        (await RunAsync(Color, ["chat", "-m", model, "--top-p", "7"])).Failed(2, "top-p");
    }

    [Test]
    public async Task An_interrupt_stops_the_answer_and_not_the_chat()
    {
        var interrupts = new Interrupts();
        using var output = new Output { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        var saved = Folder.File("talk.json");
        using var input = new StringReader($"{Sessions.DemoModel.LongQuestion}\n{Color}\n/save {saved}\n");
        var flushes = 0;
        output.Flushed = () =>
        {
            if (flushes++ == 0)
                Assert.That(interrupts.Raise(), Is.True);
        };
        var code = await Tuna2.Cli.Cli.RunAsync(
            ["chat", Circle, "--temperature", $"{Sessions.DemoModel.LongAnswer.Temperature}", "--seed", $"{Sessions.DemoModel.LongAnswer.Seed}", "--max-tokens", "4000"],
            new CliConsole(output, error) { In = input, Interrupts = interrupts });
        Assert.That(code, Is.Zero);
        Assert.That(error.ToString(), Does.Contain("stopped: the question is forgotten\n"));
        using var json = JsonDocument.Parse(await File.ReadAllBytesAsync(saved));
        var turn = json.RootElement.GetProperty("turns").EnumerateArray().Single();
        Assert.That(turn.GetProperty("question").GetString(), Is.EqualTo(Color));
        Assert.That(turn.GetProperty("pictures").GetInt32(), Is.EqualTo(1), "the picture still waited for a question");
        Assert.That(interrupts.Raise(), Is.False, "nobody holds it any more");
    }

    [Test]
    public void A_second_interrupt_is_the_programs()
    {
        var interrupts = new Interrupts();
        using var part = new CancellationTokenSource();
        Assert.That(interrupts.Raise(), Is.False);
        using (interrupts.For(part))
        {
            Assert.That(interrupts.Raise(), Is.True);
            Assert.That(part.IsCancellationRequested, Is.True);
            Assert.That(interrupts.Raise(), Is.False);
        }
    }

    private static Task<CliRun> RunAsync(string input, string[] args, bool interactive = false) => CliRun.OfLinesAsync(input, args, interactive);

    private sealed class Output : StringWriter
    {
        public Action? Flushed { get; set; }

        public override Task FlushAsync(CancellationToken cancellationToken)
        {
            Flushed?.Invoke();
            return Task.CompletedTask;
        }
    }
}
