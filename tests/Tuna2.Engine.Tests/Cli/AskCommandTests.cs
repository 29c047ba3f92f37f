using System.Text.Json;
using NUnit.Framework;

namespace Tuna2.Engine.Tests.Cli;

/// <summary>ask: the answer, whole and piece by piece.</summary>
public sealed class AskCommandTests : CliFixture
{
    private const string Question = "What color is the circle?";

    [Test]
    public async Task The_answer_is_printed_on_a_line_of_its_own()
    {
        var run = (await CliRun.OfAsync(["ask", Circle, Question])).Succeeded();
        Assert.That(run.Out, Does.Match("^[^\n]*red[^\n]*\n$"));
    }

    [Test]
    public async Task The_answer_comes_as_JSON()
    {
        var run = (await CliRun.OfAsync(["ask", Circle, Question, "--json"])).Succeeded();
        using var json = JsonDocument.Parse(run.Out);
        var turn = json.RootElement.GetProperty("turns").EnumerateArray().Single();
        Assert.That(turn.GetProperty("answer").GetString(), Does.Contain("red"));
        Assert.That(turn.GetProperty("question").GetString(), Is.EqualTo(Question));
        Assert.That(turn.GetProperty("pictures").GetInt32(), Is.EqualTo(1));
        Assert.That(turn.GetProperty("prompt_tokens").GetInt32(), Is.GreaterThan(17));
        Assert.That(turn.GetProperty("answer_tokens").GetInt32(), Is.GreaterThan(0));
        Assert.That(turn.GetProperty("seconds_to_first_token").GetDouble(), Is.GreaterThan(0).And.LessThanOrEqualTo(turn.GetProperty("seconds").GetDouble()));
    }

    [Test]
    public async Task Further_questions_are_of_the_same_conversation()
    {
        var run = (await CliRun.OfAsync(["ask", Circle, Circle, Question, "--then", "Describe the image in detail.", "--then", Question, "--max-tokens", "9", "--json"])).Succeeded();
        using var json = JsonDocument.Parse(run.Out);
        var turns = json.RootElement.GetProperty("turns").EnumerateArray().ToList();
        Assert.That(turns.Select(turn => turn.GetProperty("pictures").GetInt32()), Is.EqualTo(new[] { 2, 0, 0 }));
        Assert.That(turns[0].GetProperty("prompt_tokens").GetInt32() - turns[2].GetProperty("prompt_tokens").GetInt32(), Is.GreaterThan(34), "pictures are not computed again");

        var text = (await CliRun.OfAsync(["ask", Circle, Circle, Question, "--then", "Describe the image in detail.", "--then", Question, "--max-tokens", "9"])).Succeeded();
        Assert.That(text.Out, Is.EqualTo(string.Concat(turns.Select(turn => turn.GetProperty("answer").GetString() + "\n"))));
    }

    [Test]
    public async Task Without_a_picture_the_question_is_text()
    {
        var run = (await CliRun.OfAsync(["ask", "What is a circle?", "--max-tokens", "5", "--json"])).Succeeded();
        using var json = JsonDocument.Parse(run.Out);
        Assert.That(json.RootElement.GetProperty("turns")[0].GetProperty("pictures").GetInt32(), Is.Zero);
    }

    [Test]
    public async Task A_question_comes_from_standard_input()
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var input = new StringReader(Question + "\n");
        var code = await Tuna2.Cli.Cli.RunAsync(["ask", Circle, "-"], new Tuna2.Cli.CliConsole(output, TextWriter.Null) { In = input });
        Assert.That(code, Is.Zero);
        Assert.That(output.ToString(), Is.EqualTo((await CliRun.OfAsync(["ask", Circle, Question])).Out));
        (await CliRun.OfAsync(["ask", Circle, "-"])).Failed(2, "question is empty");
        (await CliRun.OfAsync(["ask", "-", "-"])).Failed(2, "standard input");
    }

    [Test]
    public async Task A_picture_where_the_question_should_be_is_told()
    {
        (await CliRun.OfAsync(["ask", Circle])).Failed(2, Circle, "question is missing");
        (await CliRun.OfAsync(["ask", Circle, Circle])).Failed(2, Circle, "question is missing");
        (await CliRun.OfAsync(["ask", "crcle.png"])).Failed(2, "crcle.png", "question is missing");
        var bare = Folder.File("circle");
        File.Copy(Circle, bare);
        (await CliRun.OfAsync(["ask", bare])).Failed(2, bare, "question is missing");
        (await CliRun.OfAsync(["ask"])).Failed(2, "QUESTION is missing");
    }

    [Test]
    public async Task One_bad_picture_among_several_is_named()
    {
        var bad = Folder.Write("notes.png", "these are notes"u8);
        (await CliRun.OfAsync(["ask", Circle, bad, Circle, Question])).Failed(1, bad, "not a picture");
        (await CliRun.OfAsync(["ask", Circle, Folder.File("nothing.png"), Question])).Failed(1, "nothing.png");
        (await CliRun.OfAsync(["ask", Circle, Question, "--then", " "])).Failed(2, "question is empty");
    }

    [Test]
    public async Task The_answer_is_written_piece_by_piece()
    {
        using var pieces = new Pieces();
        var code = await Tuna2.Cli.Cli.RunAsync(["ask", Circle, "Describe the image in detail."], new Tuna2.Cli.CliConsole(pieces, TextWriter.Null));
        Assert.That(code, Is.Zero);
        Assert.That(pieces.Flushes, Is.GreaterThan(3));
    }

    [Test]
    public async Task A_draw_is_the_same_for_the_same_seed()
    {
        string[] args = ["ask", Circle, "Describe the image in detail.", "--temperature", "1.5", "--top-k", "20", "--top-p", "0.95", "--seed", "5", "--max-tokens", "12", "--system", "You are terse."];
        var first = (await CliRun.OfAsync(args)).Succeeded();
        var second = (await CliRun.OfAsync(args)).Succeeded();
        Assert.That(second.Out, Is.EqualTo(first.Out));
    }

    [Test]
    public async Task An_answer_broken_off_ends_its_line_and_says_so()
    {
        using var stop = new CancellationTokenSource();
        using var pieces = new Pieces { Flushed = stop.Cancel };
        using var error = new StringWriter { NewLine = "\n" };
        // So hot that it babbles on for a second: an answer that is whole before its first piece is read cannot be broken off.
        string[] args = ["ask", Circle, "Describe the image in detail.", "--temperature", "20", "--seed", "1", "--max-tokens", "1000"];
        var code = await Tuna2.Cli.Cli.RunAsync(args, new Tuna2.Cli.CliConsole(pieces, error), stop.Token);
        Assert.That(code, Is.EqualTo(130));
        Assert.That(pieces.ToString(), Does.EndWith(Environment.NewLine));
        Assert.That(error.ToString(), Is.EqualTo("tuna2: cancelled\n"));
    }

    /// <summary>Counts how often something was handed on.</summary>
    private sealed class Pieces : StringWriter
    {
        public int Flushes { get; private set; }

        public Action? Flushed { get; init; }

        public override Task FlushAsync(CancellationToken cancellationToken)
        {
            Flushes++;
            Flushed?.Invoke();
            return Task.CompletedTask;
        }
    }
}
