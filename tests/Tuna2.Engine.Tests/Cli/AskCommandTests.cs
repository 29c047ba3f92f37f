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
        Assert.That(json.RootElement.GetProperty("answer").GetString(), Does.Contain("red"));
        Assert.That(json.RootElement.GetProperty("question").GetString(), Is.EqualTo(Question));
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
        var code = await Tuna2.Cli.Cli.RunAsync(["ask", Circle, "Describe the image in detail."], new Tuna2.Cli.CliConsole(pieces, error), stop.Token);
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
