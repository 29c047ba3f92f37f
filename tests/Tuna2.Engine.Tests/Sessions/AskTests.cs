using NUnit.Framework;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Text;

namespace Tuna2.Engine.Tests.Sessions;

/// <summary>Answers stream, stop where told, and cost nothing once nobody reads them.</summary>
[CancelAfter(60_000)]
public class AskTests
{
    private const string Question = "Describe the image in detail.";

    private TunaModel _model = null!;
    private TunaSession _session = null!;

    [OneTimeSetUp]
    public async Task Load()
    {
        _model = await DemoModel.LoadAsync(threads: 1);
        _session = _model.CreateSession();
        await _session.AnswerAsync(Question);
    }

    [OneTimeTearDown]
    public void Unload()
    {
        _session.Dispose();
        _model.Dispose();
    }

    [Test]
    public async Task Pieces_are_not_empty_and_together_are_the_answer(CancellationToken timeout)
    {
        var pieces = await _session.AskAsync(DemoModel.Picture, Question, null, timeout).ToListAsync(timeout);
        Assert.That(pieces, Has.Count.GreaterThan(3));
        Assert.That(pieces, Has.None.Empty);
        Assert.That(string.Concat(pieces), Does.Match("^an? .* background\\.$"));
    }

    [Test]
    public async Task The_picture_matters_and_may_be_left_out(CancellationToken timeout)
    {
        Assert.That(await _session.AnswerAsync("What color is the square?"), Is.EqualTo("red"));
        Assert.That(await _session.AnswerAsync("What color is the background?"), Is.EqualTo("blue"));
        var blind = await _session.AskAsync(null, Question, new() { MaxTokens = 8 }, timeout).ToListAsync(timeout);
        Assert.That(blind, Is.Not.Empty);
    }

    [Test]
    public async Task MaxTokens_cuts_the_answer(CancellationToken timeout)
    {
        var whole = await _session.AnswerAsync(Question);
        var cut = await _session.AnswerAsync(Question, new() { MaxTokens = 3 });
        Assert.That(whole, Does.StartWith(cut));
        Assert.That(_model.Tokenizer.Encode(cut), Has.Length.EqualTo(3));
    }

    [Test]
    public async Task The_system_prompt_reaches_the_model(CancellationToken timeout)
    {
        var usual = await _session.AnswerAsync(Question);
        Assert.That(await _session.AnswerAsync(Question, new() { System = ChatTemplate.DefaultSystemPrompt }), Is.EqualTo(usual));
        var answers = new HashSet<string>();
        foreach (var system in (string[])["", "green green green green", "yes no yes no two two"])
            answers.Add(await _session.AnswerAsync(Question, new() { System = system, MaxTokens = 24 }));
        Assert.That(answers.Append(usual).Distinct().Count(), Is.GreaterThan(1));
    }

    [Test]
    public async Task A_temperature_draws_the_same_answer_for_the_same_seed(CancellationToken timeout)
    {
        var options = new AskOptions { Temperature = 3, MaxTokens = 12, Seed = 5 };
        var first = await _session.AnswerAsync(Question, options);
        Assert.That(await _session.AnswerAsync(Question, options), Is.EqualTo(first));
        Assert.That(await _session.AnswerAsync(Question, options with { Seed = 6 }), Is.Not.EqualTo(first));
    }

    [Test]
    public async Task A_choice_of_one_token_is_greedy(CancellationToken timeout)
    {
        var greedy = await _session.AnswerAsync(Question);
        Assert.That(await _session.AnswerAsync(Question, new() { Temperature = 2, TopK = 1 }), Is.EqualTo(greedy));
        Assert.That(await _session.AnswerAsync(Question, new() { Temperature = 2, TopP = 1e-6f }), Is.EqualTo(greedy));
        Assert.That(await _session.AnswerAsync(Question, new() { Temperature = float.Epsilon }), Is.EqualTo(greedy));
    }

    [Test]
    public async Task Reading_twice_asks_twice(CancellationToken timeout)
    {
        var answer = _session.AskAsync(DemoModel.Picture, Question, null, timeout);
        var first = await answer.ToListAsync(timeout);
        Assert.That(await answer.ToListAsync(timeout), Is.EqualTo(first));
    }

    [Test]
    public async Task An_answer_nobody_reads_costs_nothing(CancellationToken timeout)
    {
        var before = CpuBuffer.Live;
        for (var i = 0; i < 20; i++)
        {
            var unread = _session.AskAsync(DemoModel.Picture, Question, null, timeout);
            await using var unmoved = unread.GetAsyncEnumerator(timeout);
        }
        Assert.That(CpuBuffer.Live, Is.EqualTo(before));
    }

    [Test]
    public async Task A_reader_that_stops_early_stops_the_model_and_frees_the_session(CancellationToken timeout)
    {
        var before = CpuBuffer.Live;
        for (var i = 0; i < 20; i++)
        {
            await foreach (var _ in _session.AskAsync(DemoModel.Picture, Question, new() { MaxTokens = 20000, Temperature = 50 }, timeout))
                break;
            Assert.That(CpuBuffer.Live, Is.EqualTo(before), "when the loop is left, all is freed");
        }
        Assert.That(await _session.AnswerAsync("What color is the square?"), Is.EqualTo("red"));
    }

    [Test]
    public async Task A_token_ends_the_answer_wherever_it_was_given([Values] bool withCancellation, CancellationToken timeout)
    {
        using var cancel = new CancellationTokenSource();
        var before = CpuBuffer.Live;
        var answer = _session.AskAsync(DemoModel.Picture, DemoModel.LongQuestion, DemoModel.LongAnswer, withCancellation ? CancellationToken.None : cancel.Token);
        var pieces = 0;
        var error = await Assert.CatchAsync<OperationCanceledException>(async () =>
        {
            await foreach (var _ in answer.WithCancellation(withCancellation ? cancel.Token : default))
                if (++pieces == 2)
                    await cancel.CancelAsync();
        });
        Assert.That(error!.CancellationToken, Is.EqualTo(cancel.Token));
        Assert.That(CpuBuffer.Live, Is.EqualTo(before));
    }

    [Test]
    public async Task A_session_disposed_by_its_reader_ends_the_answer(CancellationToken timeout)
    {
        var session = _model.CreateSession();
        await Assert.ThrowsAsync<ObjectDisposedException>(async () =>
        {
            await foreach (var _ in session.AskAsync(DemoModel.Picture, DemoModel.LongQuestion, DemoModel.LongAnswer, timeout))
                session.Dispose();
        });
    }
}
