using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Models;
using Tuna2.Engine.Sampling;
using Tuna2.Engine.Tests.Cpu;
using Tuna2.Engine.Tests.Parity;

namespace Tuna2.Engine.Tests.Sampling;

/// <summary>Pictures that are stepped together: rows do not mix, so each has the bits it has alone. Of pixels, behind SigLIP, and clips of latents.</summary>
[TestFixture("tuna2-tiny")]
[TestFixture("tunar-tiny")]
[TestFixture("tunavae-tiny")]
public class BatchTests(string folder)
{
    private TunaModel _model = null!;

    [OneTimeSetUp]
    public async Task Load()
    {
        SeededWeights.MakeTiny();
        SeededWeights.MakeTunaR();
        SeededWeights.MakeTuna();
        _model = await TunaModel.LoadAsync(Fixtures.Path(folder), new() { Threads = 2 });
    }

    [OneTimeTearDown]
    public void Unload() => _model.Dispose();

    /// <summary>Prompts of several lengths, one of them twice, guided over all times, over a part of them and never.</summary>
    [Test, Combinatorial]
    public void A_picture_of_a_batch_has_the_bits_of_one_alone([Values] SamplerKind sampler, [Values(0f, 0.3f, 1f)] float guidedTo)
    {
        var guidance = new Guidance(guidedTo == 0 ? 1 : 3, 0, guidedTo);
        var unconditional = Text(3);
        PromptLayout one = Text(5), two = Text(23);
        DenoisePlan[] plans = [.. new[] { one, two, one }.Select(prompt => Plan(guidance.Needed ? [prompt, unconditional] : [prompt], sampler, guidance))];
        var starts = Starts(plans);
        using var predictor = New(plans);
        Assert.That(predictor.Room.Prefixes, Is.EqualTo(guidance.Needed ? 3 : 2), "a prompt is kept once, and so is what it is not to be");
        var together = Run(predictor, plans, starts);
        for (var i = 0; i < plans.Length; i++)
        {
            using var alone = New([plans[i]]);
            Assert.That(together[i], Is.EqualTo(Run(alone, [plans[i]], [starts[i]])[0]).And.None.NaN, $"picture {i}");
        }
        Assert.That(together[0], Is.Not.EqualTo(together[2]), "their noise is not the same");
    }

    /// <summary>Guidance is a picture's own: beside a picture that needs no second branch, one that does.</summary>
    [Test]
    public void Pictures_of_a_batch_are_guided_each_in_its_own_way()
    {
        var unconditional = Text(2);
        DenoisePlan[] plans =
        [
            Plan([Text(7)], SamplerKind.Euler, new Guidance(1)), Plan([Text(4), unconditional], SamplerKind.Euler, new Guidance(5, 0.2f, 0.7f)), Plan([Text(9), unconditional], SamplerKind.Euler, new Guidance(2)),
        ];
        AssertAlone(plans, Starts(plans));
    }

    /// <summary>Two sources, one of them in two pictures: each prefix shows its own.</summary>
    [Test]
    public void Edits_of_a_batch_keep_to_their_sources([Values] bool reconstruct)
    {
        var grid = _model.Config.GridOf(32, 48);
        var numbers = new SeededNumbers(17);
        PromptLayout[] branches = reconstruct
            ? [PromptLayout.Reconstruct(_model.Tokens, [], grid, _model.Config.Variant), PromptLayout.Reconstruct(_model.Tokens, [8, 9], grid, _model.Config.Variant)]
            : [PromptLayout.Edit(_model.Tokens, [4, 5, 6], grid), PromptLayout.Edit(_model.Tokens, [], grid)];
        var plan = Plan(branches, SamplerKind.Heun, new Guidance(3), grid);
        float[] Source() => numbers.Floats(Elements(plan));
        float[] first = Source(), second = Source();
        DenoisePlan[] plans = [plan with { Source = first }, plan with { Source = second }, plan with { Source = first }];
        using var predictor = New(plans);
        Assert.That((predictor.Room.Prefixes, predictor.Room.Originals), Is.EqualTo((4, 2)));
        AssertAlone(plans, Starts(plans));
        if (_model.Config.Vae is null || !reconstruct)
        {
            var same = numbers.Floats(Elements(plan), 2);
            var finals = Run(predictor, plans, [same, same, same]);
            Assert.That(finals[0], Is.EqualTo(finals[2]).And.Not.EqualTo(finals[1]), "the source is all that differs");
        }
    }

    /// <summary>What runs before left is used where it is the same, and only there.</summary>
    [Test]
    public void Runs_one_after_the_other_keep_what_they_share()
    {
        var unconditional = Text(3);
        PromptLayout[] prompts = [Text(5), Text(9), Text(14)];
        DenoisePlan Of(int prompt) => Plan([prompts[prompt], unconditional], SamplerKind.Euler, new Guidance(3));
        DenoisePlan[][] runs = [[Of(0), Of(0)], [Of(0), Of(1)], [Of(1), Of(2)], [Of(2)], [Of(0), Of(0)]];
        using var predictor = new PrefixPredictor(_model.Network, _model.Backend, PredictorRoom.For(runs, _model.Backend));
        foreach (var run in runs)
        {
            var starts = Starts(run);
            var together = Run(predictor, run, starts);
            for (var i = 0; i < run.Length; i++)
            {
                using var alone = New([run[i]]);
                Assert.That(together[i], Is.EqualTo(Run(alone, [run[i]], [starts[i]])[0]));
            }
        }
    }

    [Test]
    public void Each_pictures_steps_and_estimates_are_told()
    {
        DenoisePlan[] plans = [.. Enumerable.Range(0, 2).Select(i => Plan([Text(5 + i), Text(2)], SamplerKind.Heun, new Guidance(3)))];
        var starts = Starts(plans);
        using var predictor = New(plans);
        var denoiser = new Denoiser(predictor, plans) { EstimateEvery = 2 };
        denoiser.Begin(default);
        var told = new List<(int Picture, int Step)>();
        var estimates = new float[2][];
        denoiser.Run(starts, (picture, step) =>
        {
            told.Add((picture, step));
            Assert.That(denoiser.Estimate(picture), step == 2 ? Is.Not.Null : Is.Null);
            estimates[picture] = denoiser.Estimate(picture) ?? estimates[picture];
        }, null, default);
        Assert.That(told, Is.EqualTo(new[] { (0, 1), (1, 1), (0, 2), (1, 2), (0, 3), (1, 3) }));
        for (var i = 0; i < 2; i++)
        {
            using var single = New([plans[i]]);
            var alone = new Denoiser(single, plans[i]) { EstimateEvery = 2 };
            alone.Begin(default);
            float[]? estimate = null;
            alone.Run(starts[i], _ => estimate = alone.Estimate(0) ?? estimate, null, default);
            Assert.That(estimates[i], Is.EqualTo(estimate));
        }
    }

    [Test]
    public void What_does_not_fit_together_is_refused()
    {
        var plan = Plan([Text(5)], SamplerKind.Euler, new Guidance(1));
        using var predictor = New([plan, plan]);
        Assert.That(() => predictor.Begin([plan, plan, plan], default), Throws.ArgumentException.With.Message.Contains("do not fit"));
        Assert.That(() => predictor.Begin([plan, Plan([Text(4)], SamplerKind.Euler, new Guidance(1))], default), Throws.ArgumentException.With.Message.Contains("2 prefixes").Or.Message.Contains("do not fit"));
        Assert.That(() => predictor.Begin([plan, plan with { Sampler = SamplerKind.Heun }], default), Throws.ArgumentException);
        predictor.Begin([plan, plan], default);
        Assert.That(() => predictor.Start(Starts([plan])), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    private void AssertAlone(DenoisePlan[] plans, float[][] starts)
    {
        using var predictor = New(plans);
        var together = Run(predictor, plans, starts);
        for (var i = 0; i < plans.Length; i++)
        {
            using var alone = New([plans[i]]);
            Assert.That(together[i], Is.EqualTo(Run(alone, [plans[i]], [starts[i]])[0]).And.None.NaN, $"picture {i}");
        }
    }

    private PrefixPredictor New(DenoisePlan[] plans) => new(_model.Network, _model.Backend, PredictorRoom.Of(plans));

    private static float[][] Run(Predictor predictor, DenoisePlan[] plans, float[][] starts)
    {
        var denoiser = new Denoiser(predictor, plans);
        denoiser.Begin(default);
        return denoiser.Run(starts, null, null, default);
    }

    private float[][] Starts(DenoisePlan[] plans) => [.. plans.Select((plan, i) => new SeededNumbers(100 + i).Floats(Elements(plan), 2))];

    private int Elements(DenoisePlan plan) => _model.Config.ImageChannels * plan.Frames * plan.Height * plan.Width;

    private PromptLayout Text(int tokens) => PromptLayout.TextToImage(_model.Tokens, [.. Enumerable.Range(0, tokens).Select(i => i * 7 % 250)], Clip);

    private Grid Clip => _model.Config.GridOf(48, 32, _model.Config.Vae is null ? 1 : 9);

    private DenoisePlan Plan(PromptLayout[] branches, SamplerKind sampler, Guidance guidance, Grid? size = null)
    {
        var (config, grid) = (_model.Config, size ?? Clip);
        return new(branches, grid.Height * config.PatchSize, grid.Width * config.PatchSize, Steps: 3, sampler, guidance,
            Frames: grid.Frames, TimeShift: config.Defaults.TimeShift, Prediction: config.Prediction);
    }
}
