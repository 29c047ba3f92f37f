using NUnit.Framework;
using Tuna2.Engine.Imaging;
using Tuna2.Engine.Models;
using Tuna2.Engine.Tests.Parity;

namespace Tuna2.Engine.Tests.Sessions;

/// <summary>A model of latents through the same calls as one of pixels.</summary>
[CancelAfter(120_000)]
public class TunaVariantTests
{
    private static readonly ImageOptions _small = new() { Width = 48, Height = 32, Steps = 3, Seed = 5 };

    private TunaModel _model = null!;
    private TunaSession _session = null!;

    [OneTimeSetUp]
    public async Task Load()
    {
        SeededWeights.MakeTuna();
        _model = await TunaModel.LoadAsync(Fixtures.Path("tunavae-tiny"), new() { Device = "cpu", Threads = 2 });
        _session = _model.CreateSession();
    }

    [OneTimeTearDown]
    public void Unload()
    {
        _session.Dispose();
        _model.Dispose();
    }

    [Test]
    public async Task Its_directory_alone_makes_it_draw_edit_draw_again_and_answer(CancellationToken timeout)
    {
        var drawn = (await _session.GenerateAsync("a red circle", _small, null, timeout))[0];
        var other = (await _session.GenerateAsync("a red circle", _small with { Seed = 6 }, null, timeout))[0];
        var again = (await _session.GenerateAsync("a red circle", _small, null, timeout))[0];
        Assert.That((drawn.Image.Width, drawn.Image.Height), Is.EqualTo((48, 32)));
        Assert.That(again.Bytes(), Is.EqualTo(drawn.Bytes()).And.Not.EqualTo(other.Bytes()));
        Assert.That((drawn.Parameters.Steps, drawn.Parameters.Guidance, drawn.Parameters.NegativePrompt), Is.EqualTo((3, 7.5f, GenerationDefaults.OfficialNegativePrompt)));

        var edited = (await _session.EditAsync(DemoModel.Picture, "make it blue", _small, null, timeout))[0];
        var elsewhere = (await _session.EditAsync(drawn.Image, "make it blue", _small, null, timeout))[0];
        Assert.That(edited.Bytes(), Is.Not.EqualTo(elsewhere.Bytes()), "the source is seen");

        var redrawn = await _session.ReconstructAsync(DemoModel.Picture, _small, null, timeout);
        Assert.That(redrawn.Parameters.Seed, Is.Null);

        var answer = string.Concat(await _session.AskAsync(DemoModel.Picture, "What is it?", new() { Width = 48, Height = 32, MaxTokens = 4 }, timeout).ToListAsync(timeout));
        Assert.That(answer, Is.Not.Empty);
    }

    [Test]
    public async Task Steps_are_times_one_more_than_the_moves(CancellationToken timeout)
    {
        var told = new List<GenerationProgress>();
        await _session.GenerateAsync("a red circle", _small with { Steps = 5, PreviewEvery = 2 }, new Listener<GenerationProgress>(told.Add), timeout);
        Assert.That(told.Select(p => (p.Step, p.Steps)), Is.EqualTo(new[] { (1, 4), (2, 4), (3, 4), (4, 4) }));
        Assert.That(told.Where(p => p.Preview is { Width: 48, Height: 32 }).Select(p => p.Step), Is.EqualTo(new[] { 2 }));
        Assert.That(() => _session.GenerateAsync("a red circle", _small with { Steps = 1 }, null, timeout), Throws.TypeOf<RequestException>().With.Message.EqualTo("steps must be 2 to 1000, not 1"));
    }

    [Test]
    public void Sides_are_multiples_of_what_a_latents_cell_covers() =>
        Assert.That(() => _session.GenerateAsync("a red circle", _small with { Width = 50 }), Throws.TypeOf<RequestException>().With.Message.EqualTo("width must be a multiple of 16 from 16 to 4096, not 50"));

    [Test]
    public async Task A_conversation_sees_its_picture_again_without_encoding_it_again(CancellationToken timeout)
    {
        var options = new AskOptions { Width = 32, Height = 32, MaxTokens = 3 };
        using var chat = _session.StartConversation(options);
        await chat.AskAsync("What is it?", [DemoModel.Picture], null, timeout).ToListAsync(timeout);
        var rows = chat.Chat.RowsRun;
        await chat.AskAsync("And now?", null, null, timeout).ToListAsync(timeout);
        Assert.That(chat.Chat.RowsRun - rows, Is.LessThan(rows / 2));
        Assert.That(chat.History, Has.Count.EqualTo(2));
    }
}
