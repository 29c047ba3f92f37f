using NUnit.Framework;
using Tuna2.Engine.Models;
using Tuna2.Engine.Sampling;
using Tuna2.Engine.Tests.Cpu;
using Tuna2.Engine.Tests.Sessions;
using Grid = Tuna2.Engine.Graph.Grid;

namespace Tuna2.Engine.Tests.Cuda;

/// <summary>Pictures that are stepped together in captured steps: a graph for as many, and of each the bits it has alone.</summary>
[CancelAfter(300_000)]
public class CudaBatchTests
{
    [TestCase(SamplerKind.Heun)]
    public async Task Two_pictures_of_a_captured_step_have_the_bits_of_each_alone(SamplerKind sampler, CancellationToken timeout)
    {
        using var fake = FakeCuda.Executing();
        using (var model = await FakeCuda.LoadAsync(fake, DemoModel.Directory, ComputeType.F32, cancellation: timeout))
        {
            // Five rows a span, guided for a part of the time: more rows than a GEMV's in every product, alone or not.
            DenoisePlan[] plans = Plans(model, ["a red circle on a blue background", "a square"], 32, 32, 2, sampler, new Guidance(3, 0, 0.4f));
            float[][] together;
            using (var slot = model.Slots.Lease([plans]))
            {
                together = Run(slot.Predictor, plans, timeout);
                Assert.That(fake.Calls.Count(c => c == "cuGraphInstantiateWithFlags"), Is.EqualTo(2), "one graph with guidance, one without, each of both pictures");
                Assert.That(fake.Calls.Count(c => c == "cuGraphLaunch"), Is.EqualTo(plans[0].Evaluations().Count));
            }
            for (var i = 0; i < plans.Length; i++)
            {
                using var slot = model.Slots.Lease(plans[i]);
                Assert.That(together[i], Is.EqualTo(Run(slot.Predictor, [plans[i]], timeout, i)[0]).And.None.NaN, $"picture {i}");
            }
        }
        FakeCuda.AssertNothingLeft(fake);
    }

    [Test]
    public async Task Captured_batches_replay_cuBLASLts_products_with_the_bits_of_plain_launches(CancellationToken timeout)
    {
        var finals = new List<float[][]>();
        foreach (var graphs in new[] { true, false })
        {
            using var fake = FakeCuda.Executing();
            using var products = new FakeCublasLt(fake);
            using var model = await FakeCuda.LoadAsync(fake, DemoModel.Directory, ComputeType.BF16, graphs, null, products, timeout);
            var plans = Plans(model, ["a red circle", "a square"], 16, 32, 2, SamplerKind.Euler, new Guidance(3));
            using var slot = model.Slots.Lease([plans]);
            finals.Add(Run(slot.Predictor, plans, timeout));
        }
        Assert.That(finals[0], Is.EqualTo(finals[1]));
        Assert.That(finals[0][0], Is.Not.EqualTo(finals[0][1]).And.None.NaN);
    }

    /// <summary>What a batch's size decides the bits of is made in batches of that size, whatever there is to make.</summary>
    [Test]
    public async Task A_batch_is_filled_up_and_among_the_parameters(CancellationToken timeout)
    {
        using var fake = new FakeDriver();
        using (var model = await FakeCuda.LoadAsync(fake, DemoModel.Directory, cancellation: timeout))
        using (var session = model.CreateSession())
        {
            var options = new ImageOptions { Steps = 3, Width = 32, Height = 32, Count = 3, Batch = 2, Seed = 4 };
            await model.WarmUpAsync(options, timeout);
            fake.ClearCalls();
            var told = new List<(int, int)>();
            var first = await session.GenerateAsync("a red circle", options, null, timeout);
            Assert.That(first.Select(p => (p.Parameters.Seed, p.Parameters.Batch)), Is.EqualTo(new (long?, int)[] { (4, 2), (5, 2), (6, 2) }));
            Assert.That(fake.Calls.Count(c => c == "cuGraphLaunch"), Is.EqualTo(2 * 3), "two batches of two");
            Assert.That(fake.Calls, Has.None.AnyOf("cuStreamBeginCapture_v2", "cuMemAlloc_v2"), "as they were warmed up");
            Assert.That(model.Slots.Unused, Is.EqualTo(1));

            fake.ClearCalls();
            var pictures = await session.GenerateAsync(["a red circle", "a square"], options, new Listener<GenerationProgress>(p => told.Add((p.Image, p.Step))), timeout);
            Assert.That(pictures.Select(p => (p.Parameters.Prompt, p.Parameters.Seed, p.Parameters.Batch)), Is.EqualTo(new (string, long?, int)[]
            {
                ("a red circle", 4, 2), ("a red circle", 5, 2), ("a red circle", 6, 2), ("a square", 4, 2), ("a square", 5, 2), ("a square", 6, 2),
            }));
            Assert.That(fake.Calls.Count(c => c == "cuGraphLaunch"), Is.EqualTo(3 * 3), "three batches of two");
            Assert.That(fake.Calls.Count(c => c == "cuStreamBeginCapture_v2"), Is.EqualTo(1), "of two prompts there is more to keep; any two are one graph");

            fake.ClearCalls();
            var again = await session.GenerateAsync("a square", pictures[4].Parameters.ToOptions(), new Listener<GenerationProgress>(p => told.Add((p.Image, p.Step))), timeout);
            Assert.That(again.Single().Parameters, Is.EqualTo(pictures[4].Parameters));
            Assert.That(fake.Calls, Has.None.EqualTo("cuStreamBeginCapture_v2"), "in a batch of two again: the same graph");
            Assert.That(told, Has.Count.EqualTo(6 * 3 + 3), "nobody is told of what fills a batch");
        }
        FakeCuda.AssertNothingLeft(fake);
    }

    [Test]
    public async Task A_cancelled_batch_takes_two_more_steps_at_most(CancellationToken timeout)
    {
        using var fake = new FakeDriver();
        using var model = await FakeCuda.LoadAsync(fake, DemoModel.Directory, cancellation: timeout);
        using var session = model.CreateSession();
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(timeout);
        var progress = new Listener<GenerationProgress>(p => { if ((p.Image, p.Step) == (1, 3)) cancel.Cancel(); });
        await Assert.CatchAsync<OperationCanceledException>(() => session.GenerateAsync("a square", new ImageOptions { Steps = 50, Width = 32, Height = 32, Count = 2, Batch = 2 }, progress, cancel.Token));
        Assert.That(fake.Calls.Count(c => c == "cuGraphLaunch"), Is.InRange(3, 5));
    }

    [Test]
    public async Task A_batch_that_does_not_fit_is_refused_in_one_line(CancellationToken timeout)
    {
        using var fake = new FakeDriver();
        using var model = await FakeCuda.LoadAsync(fake, DemoModel.Directory, cancellation: timeout);
        using var session = model.CreateSession();
        var options = new ImageOptions { Steps = 2, Width = 128, Height = 128 };
        await session.GenerateAsync(options);
        model.TrimMemory();
        fake.SetMemory(fake.MemoryUsed + (30L << 20));
        await session.GenerateAsync(options);
        var error = await Assert.ThrowsAsync<DeviceException>(() => session.GenerateAsync(options with { Batch = 64 }));
        Assert.That(error!.Message, Does.StartWith("not enough memory for a batch of 64, each a picture of 128x128: it takes ").And.EndWith("; a smaller batch, smaller pictures, or guidance 1, take less"));
    }

    private static float[][] Run(Predictor predictor, DenoisePlan[] plans, CancellationToken cancellation, int first = 0)
    {
        var denoiser = new Denoiser(predictor, plans);
        denoiser.Begin(cancellation);
        return denoiser.Run([.. plans.Select((plan, i) => new SeededNumbers(first + i + 1).Floats(3 * plan.Height * plan.Width, 2))], null, null, cancellation);
    }

    private static DenoisePlan[] Plans(TunaModel model, string[] prompts, int height, int width, int steps, SamplerKind sampler, Guidance guidance)
    {
        var grid = new Grid(1, height / model.Config.PatchSize, width / model.Config.PatchSize);
        var unconditional = PromptLayout.TextToImage(model.Tokens, [], grid);
        return [.. prompts.Select(p => new DenoisePlan([PromptLayout.TextToImage(model.Tokens, model.Tokenizer.Encode(p), grid), unconditional], height, width, steps, sampler, guidance))];
    }
}
