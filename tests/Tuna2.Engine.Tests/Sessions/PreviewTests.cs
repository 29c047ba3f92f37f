using NUnit.Framework;
using Tuna2.Engine.Imaging;
using Tuna2.Engine.Models;
using Tuna2.Engine.Sampling;

namespace Tuna2.Engine.Tests.Sessions;

/// <summary>What a picture looks like so far: on the steps asked for, near the model's own prediction, and without a trace in the result.</summary>
public class PreviewTests
{
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

    [TestCase(0, new int[0])]
    [TestCase(1, new[] { 1, 2, 3, 4, 5 })]
    [TestCase(2, new[] { 2, 4 })]
    [TestCase(3, new[] { 3 })]
    [TestCase(6, new int[0])]
    [TestCase(1000, new int[0])]
    public async Task They_come_on_the_steps_asked_for_but_the_last(int every, int[] steps)
    {
        var told = new List<GenerationProgress>();
        await _session.GenerateAsync(DemoModel.Prompt, new() { Steps = 6, Count = 2, PreviewEvery = every, Width = 48, Height = 32 }, new Listener<GenerationProgress>(told.Add));
        Assert.That(told, Has.Count.EqualTo(12));
        foreach (var image in new[] { 0, 1 })
            Assert.That(told.Where(p => p.Image == image && p.Preview is { Width: 48, Height: 32 }).Select(p => p.Step), Is.EqualTo(steps));
    }

    [Test]
    public async Task They_change_nothing_and_are_the_same_every_time([Values] SamplerKind sampler, [Values("generate", "edit", "reconstruct")] string task)
    {
        var options = new ImageOptions { Steps = 5, Sampler = sampler, Seed = 3 };
        var plain = await Make(options, null);
        List<byte[]> first = [], second = [];
        Assert.That(await Make(options with { PreviewEvery = 1 }, first), Is.EqualTo(plain));
        Assert.That(await Make(options with { PreviewEvery = 1 }, second), Is.EqualTo(plain));
        Assert.That(first, Has.Count.EqualTo(4));
        Assert.That(second, Is.EqualTo(first));
        Assert.That(first.Distinct().Count(), Is.EqualTo(4));

        async Task<byte[]> Make(ImageOptions made, List<byte[]>? previews)
        {
            var progress = new Listener<GenerationProgress>(p =>
            {
                if (p.Preview is { } preview)
                    previews?.Add(preview.Pixels.ToArray());
            });
            return task switch
            {
                "generate" => (await _session.GenerateAsync(DemoModel.Prompt, made, progress))[0].Bytes(),
                "edit" => (await _session.EditAsync(DemoModel.Picture, "make the square green", made, progress))[0].Bytes(),
                _ => (await _session.ReconstructAsync(DemoModel.Picture, made, progress)).Bytes(),
            };
        }
    }

    [Test]
    public void An_estimate_of_Eulers_is_the_guided_prediction()
    {
        var grid = new Engine.Graph.Grid(1, 4, 4);
        PromptLayout[] branches = [.. ((string[])["a red circle", ""]).Select(p => PromptLayout.TextToImage(_model.Tokens, _model.Tokenizer.Encode(p), grid))];
        var plan = new DenoisePlan(branches, 64, 64, 8, SamplerKind.Euler, new Guidance(2.5f));
        using var predictor = new PrefixPredictor(_model.Network, _model.Backend, PredictorRoom.Of(plan), watched: true);
        var denoiser = new Denoiser(predictor, plan) { EstimateEvery = 1 };
        denoiser.Begin(default);
        var start = new float[3 * 64 * 64];
        new TorchRandom(5).FillNormal(start);
        var compared = 0;
        denoiser.Run(start, step =>
        {
            if (step == plan.Steps)
            {
                Assert.That(denoiser.Estimate(0), Is.Null, "the picture itself is there");
                return;
            }
            float[] c = predictor.ReadPrediction(0), u = predictor.ReadPrediction(1), estimate = denoiser.Estimate(0)!;
            for (var i = 0; i < c.Length; i++)
                Assert.That(estimate[i], Is.EqualTo(u[i] + 2.5f * (c[i] - u[i])).Within(1e-4f), $"step {step}, element {i}");
            compared++;
        }, null, default);
        Assert.That(compared, Is.EqualTo(7));
    }

    [Test]
    public async Task The_last_ones_are_near_the_picture()
    {
        var previews = new List<RgbImage>();
        var made = (await _session.GenerateAsync(DemoModel.Prompt, new() { PreviewEvery = 1 }, new Listener<GenerationProgress>(p =>
        {
            if (p.Preview is { } preview)
                previews.Add(preview);
        })))[0];
        var psnr = previews.Select(preview => ImageQuality.Psnr(preview, made.Image)).ToList();
        Assert.That(psnr[^1], Is.GreaterThan(30));
        Assert.That(psnr[^1], Is.GreaterThan(psnr[0] + 6));
    }
}
