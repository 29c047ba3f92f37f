using NUnit.Framework;
using Tuna2.Engine.Models;
using Tuna2.Engine.Sampling;

namespace Tuna2.Engine.Tests.Sessions;

/// <summary>The same request gives the same bytes wherever it runs, and every option that should matter does.</summary>
public class ReproducibilityTests
{
    private static readonly ImageOptions s_options = DemoModel.Short with { Seed = 7 };

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

    [Test]
    public async Task A_seed_gives_the_same_bytes_again_and_another_seed_others()
    {
        var first = await _session.GenerateAsync(s_options);
        Assert.That(await _session.GenerateAsync(s_options), Is.EqualTo(first));
        Assert.That(await _session.GenerateAsync(s_options with { Seed = 8 }), Is.Not.EqualTo(first));
    }

    [TestCase(1)]
    [TestCase(3)]
    [TestCase(8)]
    public async Task Another_model_with_other_threads_gives_the_same_bytes(int threads)
    {
        using var model = await DemoModel.LoadAsync(threads);
        using var session = model.CreateSession();
        Assert.That(await session.GenerateAsync(s_options), Is.EqualTo(await _session.GenerateAsync(s_options)));
        Assert.That(await session.AnswerAsync("Describe the image in detail."), Is.EqualTo(await _session.AnswerAsync("Describe the image in detail.")));
    }

    [Test]
    public async Task Sessions_side_by_side_give_the_same_bytes_as_one_after_the_other()
    {
        var seeds = Enumerable.Range(0, 6).ToArray();
        var serial = new List<byte[]>();
        foreach (var seed in seeds)
            serial.Add(await _session.GenerateAsync(s_options with { Seed = seed }));
        var parallel = await Task.WhenAll(seeds.Select(seed => Task.Run(async () =>
        {
            using var session = _model.CreateSession();
            return await session.GenerateAsync(s_options with { Seed = seed });
        })));
        Assert.That(parallel, Is.EqualTo(serial));
    }

    [Test]
    public async Task Picture_i_of_several_is_that_of_seed_plus_i()
    {
        var several = await _session.GenerateAsync(DemoModel.Prompt, s_options with { Count = 3 });
        Assert.That(several.Select(p => p.Parameters.Seed), Is.EqualTo(new long?[] { 7, 8, 9 }));
        foreach (var picture in several)
            Assert.That(picture.Bytes(), Is.EqualTo(await _session.GenerateAsync(s_options with { Seed = picture.Parameters.Seed })));
    }

    [Test]
    public async Task Text_to_image_without_a_seed_takes_42_and_edits_tell_theirs()
    {
        var picture = (await _session.GenerateAsync(DemoModel.Prompt, DemoModel.Short))[0];
        Assert.That(picture.Parameters.Seed, Is.EqualTo(42));
        var edit = (await _session.EditAsync(DemoModel.Picture, "make the square green", DemoModel.Short))[0];
        var again = (await _session.EditAsync(DemoModel.Picture, "make the square green", DemoModel.Short with { Seed = edit.Parameters.Seed }))[0];
        Assert.That(again.Bytes(), Is.EqualTo(edit.Bytes()));
    }

    [Test]
    public async Task Reconstruction_draws_nothing_at_random()
    {
        var first = await _session.ReconstructAsync(DemoModel.Picture, DemoModel.Short);
        var second = await _session.ReconstructAsync(DemoModel.Picture, DemoModel.Short with { Seed = 3, Count = 5 });
        Assert.That(second.Bytes(), Is.EqualTo(first.Bytes()));
        Assert.That(first.Parameters.Seed, Is.Null);
    }

    [Test]
    public async Task Guidance_0_and_1_are_the_prompt_alone_whatever_the_negative_prompt()
    {
        var alone = await _session.GenerateAsync(s_options with { Guidance = 1 });
        Assert.That(await _session.GenerateAsync(s_options with { Guidance = 0 }), Is.EqualTo(alone));
        Assert.That(await _session.GenerateAsync(s_options with { Guidance = 1, NegativePrompt = "a blue square" }), Is.EqualTo(alone));
        Assert.That(await _session.GenerateAsync(s_options with { Guidance = 2 }), Is.Not.EqualTo(alone));
    }

    [Test]
    public async Task A_negative_prompt_changes_the_picture()
    {
        var without = await _session.GenerateAsync(s_options with { Guidance = 3, NegativePrompt = "" });
        Assert.That(await _session.GenerateAsync(s_options with { Guidance = 3 }), Is.EqualTo(without), "the model's default is empty");
        Assert.That(await _session.GenerateAsync(s_options with { Guidance = 3, NegativePrompt = "a blue square" }), Is.Not.EqualTo(without));
    }

    [Test]
    public async Task A_guidance_interval_guides_the_times_inside_it_only()
    {
        var options = s_options with { Steps = 4, Guidance = 3 };
        var all = await _session.GenerateAsync(options);
        var none = await _session.GenerateAsync(options with { Guidance = 1 });
        var some = await _session.GenerateAsync(options with { GuidanceInterval = (0.4f, 1) });
        Assert.That(await _session.GenerateAsync(options with { GuidanceInterval = (0, 0.8f) }), Is.EqualTo(all), "0, 1/4, 1/2, 3/4 are all inside");
        Assert.That(await _session.GenerateAsync(options with { GuidanceInterval = (0.3f, 0.4f) }), Is.EqualTo(none), "none is inside");
        Assert.That(some, Is.Not.EqualTo(all).And.Not.EqualTo(none));
    }

    [TestCase(SamplerKind.Euler, 5, 5)]
    [TestCase(SamplerKind.Heun, 5, 9)]
    [TestCase(SamplerKind.Heun, 1, 1)]
    public void A_solver_calls_the_model_as_often_as_it_says(SamplerKind sampler, int steps, int calls)
    {
        var told = new List<int>();
        var counter = new CallCounter();
        Denoise(sampler, steps, new Guidance(1), told.Add, counter);
        Assert.That(counter.Branches, Has.Count.EqualTo(calls));
        Assert.That(told, Is.EqualTo(Enumerable.Range(1, steps)));
    }

    [Test]
    public void Guidance_costs_a_second_branch_inside_its_interval_only()
    {
        var counter = new CallCounter();
        Denoise(SamplerKind.Euler, 4, new Guidance(3, 0.2f, 0.6f), null, counter);
        Assert.That(counter.Branches, Is.EqualTo(new[] { 1, 2, 2, 1 }));
    }

    [Test]
    public async Task Progress_tells_every_step_of_every_picture([Values] SamplerKind sampler)
    {
        var told = new List<GenerationProgress>();
        await _session.GenerateAsync(DemoModel.Prompt, new() { Steps = 2, Count = 2, Sampler = sampler }, new Listener<GenerationProgress>(told.Add));
        Assert.That(told, Is.EqualTo(new GenerationProgress[]
        {
            new(0, 2, 1, 2) { Seed = 42 }, new(0, 2, 2, 2) { Seed = 42 }, new(1, 2, 1, 2) { Seed = 43 }, new(1, 2, 2, 2) { Seed = 43 },
        }));
    }

    [Test]
    public async Task The_solvers_give_different_pictures() =>
        Assert.That(
            await _session.GenerateAsync(s_options with { Sampler = SamplerKind.Heun }),
            Is.Not.EqualTo(await _session.GenerateAsync(s_options with { Sampler = SamplerKind.Euler })));

    private void Denoise(SamplerKind sampler, int steps, Guidance guidance, Action<int>? stepped, CallCounter counter)
    {
        var grid = new Engine.Graph.Grid(1, 2, 2);
        PromptLayout[] branches = [.. ((string[])["a red circle", ""]).Select(p => PromptLayout.TextToImage(_model.Tokens, _model.Tokenizer.Encode(p), grid))];
        var plan = new DenoisePlan(branches, 32, 32, steps, sampler, guidance);
        using var predictor = new PrefixPredictor(_model.Network, _model.Backend, PredictorRoom.Of(plan));
        var denoiser = new Denoiser(predictor, plan);
        denoiser.Begin(default);
        denoiser.Run(new float[3 * 32 * 32], stepped, counter, default);
    }

    private sealed class CallCounter : IDenoiseObserver
    {
        public List<int> Branches { get; } = [];

        public void Evaluated(int call, float time, float[] z, int branches) => Branches.Add(branches);
    }
}
