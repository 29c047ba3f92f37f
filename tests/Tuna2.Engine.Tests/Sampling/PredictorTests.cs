using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Models;
using Tuna2.Engine.Parity;
using Tuna2.Engine.Sampling;
using Tuna2.Engine.Tests.Cpu;
using Tuna2.Engine.Tests.Graph;
using Tuna2.Engine.Tests.Parity;

namespace Tuna2.Engine.Tests.Sampling;

/// <summary>The small random models, of pixels and of latents, through both predictors. Of latents, what is drawn from text is a clip.</summary>
[TestFixture("tuna2-tiny")]
[TestFixture("tunavae-tiny")]
public class PredictorTests(string folder)
{
    private const double PrefixToFull = 1e-5;
    private TunaModel _model = null!;

    [OneTimeSetUp]
    public async Task Load()
    {
        SeededWeights.MakeTiny();
        SeededWeights.MakeTuna();
        _model = await TunaModel.LoadAsync(Fixtures.Path(folder), new() { Threads = 2 });
    }

    [OneTimeTearDown]
    public void Unload() => _model.Dispose();

    [Test, Combinatorial]
    public void The_prefix_path_predicts_what_the_full_path_predicts(
        [Values(nameof(ImageTask.Generate), nameof(ImageTask.Edit), nameof(ImageTask.Reconstruct))] string task, [Values("16x16", "32x80", "64x16")] string size, [Values(0, 1, 23)] int promptLength, [Values] SamplerKind sampler)
    {
        var (plan, start) = Job(Enum.Parse<ImageTask>(task), size, promptLength, sampler);
        using var full = new FullPredictor(_model.Network, _model.Backend, plan, []);
        using var prefix = new PrefixPredictor(_model.Network, _model.Backend, PredictorRoom.Of(plan), watched: true);
        var (fromFull, fullPredictions) = Run(full, plan, start);
        var (fromPrefix, prefixPredictions) = Run(prefix, plan, start);
        Assert.Multiple(() =>
        {
            Assert.That(Comparison.Of(fromPrefix, fromFull, plan.Width).Within(PrefixToFull), $"{Comparison.Of(fromPrefix, fromFull, plan.Width)}");
            for (var i = 0; i < fullPredictions.Count; i++)
                Assert.That(Comparison.Of(prefixPredictions[i], fullPredictions[i], plan.Width).Within(PrefixToFull), $"prediction {i}: {Comparison.Of(prefixPredictions[i], fullPredictions[i], plan.Width)}");
        });
    }

    [Test, Combinatorial]
    public void Nothing_is_read_that_the_run_did_not_write([Values(nameof(ImageTask.Generate), nameof(ImageTask.Edit), nameof(ImageTask.Reconstruct))] string task, [Values] bool full)
    {
        var (plan, start) = Job(Enum.Parse<ImageTask>(task), "32x48", 5, SamplerKind.Heun);
        using var backend = new PoisoningBackend();
        using var predictor = Open(_model.Network, backend, plan, full);
        float[] first = [.. Final(() => { })], second = [.. Final(backend.Poison)];
        Assert.Multiple(() =>
        {
            Assert.That(first, Has.None.NaN);
            Assert.That(second, Is.EqualTo(first), "with the arena poisoned before every evaluation");
        });

        float[] Final(Action beforeStep)
        {
            beforeStep();
            predictor.Begin(plan, default);
            return new Denoiser(predictor, plan).Run(start, _ => beforeStep(), null, default);
        }
    }

    [Test]
    public void Kept_values_survive_to_the_end_of_the_run()
    {
        var (plan, start) = Job(ImageTask.Edit, "32x32", 4, SamplerKind.Euler);
        string[] names = ["input_embeds", "llm_layer_0", "llm_layer_1", "llm_out", "head_layer_0", "head_out"];
        var alone = names.Select(name => Kept([name])[0]).ToArray();
        var together = Kept(names);
        for (var i = 0; i < names.Length; i++)
            Assert.That(together[i], Is.EqualTo(alone[i]).And.Not.Contains(float.NaN), names[i]);

        float[][] Kept(string[] keep)
        {
            using var predictor = new FullPredictor(_model.Network, _model.Backend, plan, keep);
            Run(predictor, plan, start);
            return [.. keep.Select(name => predictor.ReadKept(name)!.Value.Data)];
        }
    }

    [Test]
    public void The_models_own_graphs_are_planned_without_overlap([Values] bool prefix, [Values] bool kept, [Values] bool window)
    {
        var network = _model.Network;
        var (height, width) = (4 * _model.Config.PatchSize, 3 * _model.Config.PatchSize);
        var elements = _model.Config.ImageChannels * height * width;
        using var states = new StateStore(_model.Backend);
        var pictures = new PictureState(height, width, states.Add("pictures", new("pictures", 3), elements),
            states.Add("predictions", new("predictions", 2), elements), states.Add("velocity", new("velocity", 1), elements));
        var times = network.NewTimeState(states, 3, head: true);
        var cache = network.NewCacheState(states, 200, head: true);
        var seen = window ? new KeyWindow(50, new Extent("keys", 300)) : null;
        var graph = new ModelGraph();
        var hidden = network.Llm(graph, network.Embed(graph, new Extent("tokens", 100), text: true, pictures, times, 2), cache, seen);
        if (prefix)
            network.FlowHeadKeys(graph, hidden, cache, times);
        else
            network.Step(graph, network.FlowHead(graph, hidden, cache, times, seen), pictures);
        network.LanguageHead(graph, hidden, new Extent("picked", 1));
        if (kept)
            graph.Keep(graph.Find("llm_layer_0")!);
        var plan = new Plan(graph);
        PlanChecker.Check(plan);
        Assert.That(plan.PlannedBytes, Is.LessThan(plan.NaiveBytes / 3));
        PlanChecker.Check(new Plan(network.Times(times)));
    }

    [Test]
    public void A_cancelled_run_stops_before_its_first_op()
    {
        var (plan, start) = Job(ImageTask.Generate, "32x32", 3, SamplerKind.Euler);
        using var predictor = new PrefixPredictor(_model.Network, _model.Backend, PredictorRoom.Of(plan));
        var cancelled = new CancellationToken(canceled: true);
        var denoiser = new Denoiser(predictor, plan);
        Assert.That(() => denoiser.Begin(cancelled), Throws.InstanceOf<OperationCanceledException>());
        denoiser.Begin(default);
        predictor.Start(start);
        Assert.That(() => predictor.Evaluate(cancelled), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(predictor.ReadPicture(), Is.EqualTo(start));
    }

    private sealed class Recorder(Predictor predictor) : IDenoiseObserver
    {
        public List<float[]> Predictions { get; } = [];

        public void Evaluated(int call, float time, float[] z, int branches)
        {
            for (var b = 0; b < branches; b++)
                Predictions.Add(predictor.ReadPrediction(b));
        }
    }

    private static Predictor Open(TunaNetwork network, IBackend backend, DenoisePlan plan, bool full) =>
        full ? new FullPredictor(network, backend, plan, []) : new PrefixPredictor(network, backend, PredictorRoom.Of(plan), watched: true);

    private static (float[] Final, List<float[]> Predictions) Run(Predictor predictor, DenoisePlan plan, float[] start)
    {
        var (denoiser, recorder) = (new Denoiser(predictor, plan), new Recorder(predictor));
        denoiser.Begin(default);
        return (denoiser.Run(start, null, recorder, default), recorder.Predictions);
    }

    /// <summary>A conditional prompt of random tokens and an unconditional one of another length, guided over a part of three steps.</summary>
    private (DenoisePlan Plan, float[] Start) Job(ImageTask task, string size, int promptLength, SamplerKind sampler)
    {
        var sides = size.Split('x').Select(int.Parse).ToArray();
        var config = _model.Config;
        var grid = config.GridOf(sides[1], sides[0], task == ImageTask.Generate && config.Vae is not null ? 9 : 1);
        var numbers = new SeededNumbers(promptLength + sides[0] * 1000 + sides[1]);
        var plan = new DenoisePlan([Layout(promptLength), Layout(promptLength / 2)], grid.Height * config.PatchSize, grid.Width * config.PatchSize, Steps: 3, sampler, new Guidance(3, 0, 0.5f),
            Frames: grid.Frames, TimeShift: config.Defaults.TimeShift, Prediction: config.Prediction);
        var elements = config.ImageChannels * plan.Frames * plan.Height * plan.Width;
        return (plan with { Source = task == ImageTask.Generate ? null : numbers.Floats(elements) }, numbers.Floats(elements, 2));

        PromptLayout Layout(int length)
        {
            int[] prompt = [.. Enumerable.Range(0, length).Select(_ => numbers.Below(256))];
            return task switch
            {
                ImageTask.Generate => PromptLayout.TextToImage(_model.Tokens, prompt, grid),
                ImageTask.Edit => PromptLayout.Edit(_model.Tokens, prompt, grid),
                _ => PromptLayout.Reconstruct(_model.Tokens, prompt, grid, config.Variant),
            };
        }
    }
}
