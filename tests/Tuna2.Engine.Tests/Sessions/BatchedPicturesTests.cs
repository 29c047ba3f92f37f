using NUnit.Framework;
using Tuna2.Engine.Cpu;

namespace Tuna2.Engine.Tests.Sessions;

/// <summary>Pictures of one call that are stepped together: the same as one after the other, and told as they come.</summary>
[CancelAfter(120_000)]
public class BatchedPicturesTests
{
    private static readonly ImageOptions s_five = DemoModel.Short with { Count = 5, Seed = 7, Width = 32, Height = 48 };

    private TunaModel _model = null!;
    private TunaSession _session = null!;

    [OneTimeSetUp]
    public async Task Load()
    {
        _model = await DemoModel.LoadAsync();
        _session = _model.CreateSession();
    }

    [OneTimeTearDown]
    public void Unload()
    {
        _session.Dispose();
        _model.Dispose();
    }

    [TestCase(2)]
    [TestCase(5)]
    [TestCase(64)]
    public async Task They_are_those_of_one_after_the_other(int batch, CancellationToken timeout)
    {
        var one = await _session.GenerateAsync(DemoModel.Prompt, s_five, null, timeout);
        var together = await _session.GenerateAsync(DemoModel.Prompt, s_five with { Batch = batch }, null, timeout);
        Assert.That(together.Select(p => p.Bytes()), Is.EqualTo(one.Select(p => p.Bytes())));
        Assert.That(together.Select(p => p.Parameters), Is.EqualTo(one.Select(p => p.Parameters)), "on the CPU the batch decides nothing, and is not among them");
        Assert.That(together.Select(p => p.Parameters.Seed), Is.EqualTo(new long?[] { 7, 8, 9, 10, 11 }));
        var edits = await _session.EditAsync(DemoModel.Picture, "make the square green", s_five, null, timeout);
        var editsTogether = await _session.EditAsync(DemoModel.Picture, "make the square green", s_five with { Batch = batch }, null, timeout);
        Assert.That(editsTogether.Select(p => p.Bytes()), Is.EqualTo(edits.Select(p => p.Bytes())));
    }

    [Test]
    public async Task Prompts_together_are_each_what_it_is_alone([Values(1, 3, 4)] int batch, [Values] SamplerKind sampler, CancellationToken timeout)
    {
        string[] prompts = ["a red circle on a blue background", "a yellow triangle", "a large green square above a small red circle on a white background"];
        var options = DemoModel.Short with { Count = 2, Seed = 3, Sampler = sampler, GuidanceInterval = (0, 0.5f), Width = 32, Height = 32 };
        var together = await _session.GenerateAsync(prompts, options with { Batch = batch }, null, timeout);
        var alone = new List<GeneratedImage>();
        foreach (var prompt in prompts)
            alone.AddRange(await _session.GenerateAsync(prompt, options, null, timeout));
        Assert.That(together.Select(p => p.Bytes()), Is.EqualTo(alone.Select(p => p.Bytes())));
        Assert.That(together.Select(p => p.Parameters), Is.EqualTo(alone.Select(p => p.Parameters)));
    }

    [Test]
    public async Task A_batch_is_handed_over_before_the_next_is_begun(CancellationToken timeout)
    {
        using var go = new ManualResetEventSlim();
        var progress = new Listener<GenerationProgress>(p =>
        {
            if (p.Image == 2)
                go.Wait(timeout);
        });
        await using var pictures = _session.GenerateEachAsync(DemoModel.Prompt, s_five with { Batch = 2 }, progress, timeout).GetAsyncEnumerator(timeout);
        foreach (var seed in new[] { 7, 8 })
        {
            Assert.That(await pictures.MoveNextAsync(), Is.True, "while the second batch waits in its first step");
            Assert.That(pictures.Current.Parameters.Seed, Is.EqualTo(seed));
        }
        go.Set();
        Assert.That(await pictures.MoveNextAsync(), Is.True);
    }

    [Test]
    public async Task Each_picture_is_told_of_with_its_previews(CancellationToken timeout)
    {
        var options = s_five with { Count = 3, PreviewEvery = 2 };
        var (one, together) = (await Told(options), await Told(options with { Batch = 2 }));
        Assert.That(together.Select(p => (p.Image, p.Step)), Is.EqualTo(new[] { (0, 1), (1, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 1), (2, 2), (2, 3) }));
        Assert.That(together.Select(p => (p.FirstTogether, p.Together)), Is.EqualTo(Enumerable.Repeat((0, 2), 6).Concat(Enumerable.Repeat((2, 1), 3))));
        Assert.That(one.Select(p => (p.FirstTogether, p.Together)), Is.EqualTo(one.Select(p => (p.Image, 1))));
        foreach (var said in together)
        {
            var alone = one.Single(p => (p.Image, p.Step) == (said.Image, said.Step));
            Assert.That(said.Seed, Is.EqualTo(alone.Seed));
            Assert.That(said.Preview?.Pixels.ToArray(), Is.EqualTo(alone.Preview?.Pixels.ToArray()));
        }
        Assert.That(together.Count(p => p.Preview is not null), Is.EqualTo(3));

        async Task<List<GenerationProgress>> Told(ImageOptions made)
        {
            var told = new List<GenerationProgress>();
            await _session.GenerateAsync(DemoModel.Prompt, made, new Listener<GenerationProgress>(told.Add), timeout);
            return told;
        }
    }

    [Test]
    public async Task A_cancelled_call_hands_over_the_batches_before_and_keeps_nothing(CancellationToken timeout)
    {
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(timeout);
        var before = CpuBuffer.Live;
        var steps = 0;
        var progress = new Listener<GenerationProgress>(p =>
        {
            if (p.Image < 2)
                return;
            steps++;
            cancel.Cancel();
        });
        var got = new List<long?>();
        await Assert.CatchAsync<OperationCanceledException>(async () =>
        {
            await foreach (var picture in _session.GenerateEachAsync(DemoModel.Prompt, s_five with { Batch = 2 }, progress, cancel.Token))
                got.Add(picture.Parameters.Seed);
        });
        Assert.That(got, Is.EqualTo(new long?[] { 7, 8 }));
        Assert.That(steps, Is.LessThanOrEqualTo(2), "the step of both, and no other");
        Assert.That(CpuBuffer.Live - before, Is.LessThanOrEqualTo(2 * CpuThreads.ScratchBytes));
    }

    [Test]
    public void What_cannot_be_made_is_refused_by_the_call_itself()
    {
        Assert.Multiple(() =>
        {
            Assert.That(() => _session.GenerateAsync((string[])[]), Throws.TypeOf<RequestException>().With.Message.Contains("no prompt"));
            Assert.That(() => _session.GenerateEachAsync(["a", " "]), Throws.TypeOf<RequestException>().With.Message.Contains("prompt 2 is empty"));
            Assert.That(() => _session.GenerateAsync(["a", null!]), Throws.ArgumentNullException);
            Assert.That(() => _session.GenerateAsync((IReadOnlyList<string>)null!), Throws.ArgumentNullException);
            Assert.That(() => _session.GenerateAsync(["a", string.Join(' ', Enumerable.Repeat("word", 5000))]), Throws.TypeOf<RequestException>().With.Message.Contains("prompt 2 has"));
        });
        foreach (var batch in new[] { 0, -1, 65 })
            Assert.That(() => _session.GenerateAsync(DemoModel.Prompt, new() { Batch = batch }), Throws.TypeOf<RequestException>().With.Message.EqualTo($"batch must be 1 to 64, not {batch}"));
    }

    [Test]
    public async Task A_prompt_that_is_cut_is_the_only_one_that_says_so(CancellationToken timeout)
    {
        string[] prompts = ["a red circle", string.Join(' ', Enumerable.Repeat("word", 5000))];
        var pictures = await _session.GenerateAsync(prompts, new() { Steps = 1, Width = 16, Height = 16, Batch = 2, OverlongPrompt = OverlongPrompt.Cut }, null, timeout);
        Assert.That(pictures.Select(p => p.Parameters.PromptCut), Is.EqualTo(new[] { false, true }));
        Assert.That(pictures.Select(p => p.Parameters.Prompt), Is.EqualTo(prompts));
        Assert.That(pictures.Select(p => p.Warnings.Count), Is.EqualTo(new[] { 0, 1 }));
    }
}
