using NUnit.Framework;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Models;
using Tuna2.Engine.Sampling;
using Tuna2.Engine.Tests.Cpu;
using Tuna2.Engine.Tests.Sessions;
using Grid = Tuna2.Engine.Graph.Grid;

namespace Tuna2.Engine.Tests.Cuda;

/// <summary>Captured steps: what they leave out of the loop, and that they change nothing.</summary>
[CancelAfter(300_000)]
public class CudaStepTests
{
    private static readonly string[] _inTheLoop = ["cuCtxPushCurrent_v2", "cuCtxPopCurrent_v2", "cuGraphLaunch", "cuEventRecord", "cuEventSynchronize"];

    [TestCase(SamplerKind.Euler, ComputeType.F32)]
    [TestCase(SamplerKind.Heun, ComputeType.BF16)]
    public async Task Replayed_steps_have_the_bits_of_plain_launches(SamplerKind sampler, ComputeType type, CancellationToken timeout)
    {
        var finals = new List<float[]>();
        foreach (var graphs in new[] { true, false })
        {
            using var fake = FakeCuda.Executing();
            using (var model = await FakeCuda.LoadAsync(fake, DemoModel.Directory, type, graphs, cancellation: timeout))
            {
                // A part of the steps is guided, so that both graphs are used.
                var plan = Plan(model, ["a red circle", ""], 32, 16, 2, sampler, new Guidance(3, 0.2f, 0.6f));
                using var slot = model.Slots.Lease(plan);
                finals.Add(Run(slot.Predictor, plan, timeout));
                Assert.That(finals[^1], Has.None.NaN);
                Assert.That(fake.Calls.Count(c => c == "cuGraphLaunch"), Is.EqualTo(graphs ? plan.Evaluations().Count : 0));
                Assert.That(fake.Calls.Count(c => c == "cuGraphInstantiateWithFlags"), Is.EqualTo(graphs ? 2 : 0), "one graph with guidance, one without");
            }
            FakeCuda.AssertNothingLeft(fake);
        }
        Assert.That(finals[0], Is.EqualTo(finals[1]));
    }

    [Test]
    public async Task Captured_steps_replay_cuBLASLts_products_with_the_bits_of_plain_launches(CancellationToken timeout)
    {
        var finals = new List<float[]>();
        foreach (var graphs in new[] { true, false })
        {
            using var fake = FakeCuda.Executing();
            using var products = new FakeCublasLt(fake);
            using (var model = await FakeCuda.LoadAsync(fake, DemoModel.Directory, ComputeType.BF16, graphs, null, products, timeout))
            {
                var plan = Plan(model, ["a red circle", ""], 32, 16, 3, SamplerKind.Euler, new Guidance(3));
                using var slot = model.Slots.Lease(plan);
                var denoiser = new Denoiser(slot.Predictor, plan);
                denoiser.Begin(timeout);
                var (called, computed) = (products.Calls.Count(c => c == "cublasLtMatmul"), products.Products);
                finals.Add(denoiser.Run(new SeededNumbers(1).Floats(3 * plan.Height * plan.Width, 2), null, null, timeout));
                Assert.That(finals[^1], Has.None.NaN);
                Assert.That(products.Products - computed, Is.GreaterThan(3 * 10).And.Matches<int>(n => n % 3 == 0), "every step computes as many");
                if (graphs)
                    Assert.That(products.Calls.Count(c => c == "cublasLtMatmul"), Is.EqualTo(called), "and none is asked for");
                model.TrimMemory();
            }
            FakeCuda.AssertNothingLeft(fake);
            Assert.That(products.Live, Is.Zero);
        }
        Assert.That(finals[0], Is.EqualTo(finals[1]));
    }

    [Test]
    public async Task A_slot_serves_any_prompt_and_number_of_steps_with_the_bits_of_one_of_its_own(CancellationToken timeout)
    {
        using var fake = FakeCuda.Executing();
        using var model = await FakeCuda.LoadAsync(fake, DemoModel.Directory, cancellation: timeout);
        DenoisePlan[] plans =
        [
            Plan(model, ["a red circle on a blue background", "a"], 32, 16, 1, SamplerKind.Euler, new Guidance(2)),
            Plan(model, ["x", "a large green square on a purple background"], 32, 16, 2, SamplerKind.Heun, new Guidance(4)),
        ];
        var alone = new List<float[]>();
        foreach (var plan in plans)
        {
            using var predictor = new PrefixPredictor(model.Network, model.Backend, PredictorRoom.Of(plan));
            alone.Add(Run(predictor, plan, timeout));
        }
        var captured = Captures(fake);
        foreach (var i in new[] { 0, 1, 0 })
        {
            using var slot = model.Slots.Lease(plans[i]);
            Assert.That(Run(slot.Predictor, plans[i], timeout), Is.EqualTo(alone[i]), $"plan {i}");
        }
        Assert.That(Captures(fake), Is.EqualTo(captured + 1), "one slot, one graph: every step is guided");
        Assert.That(model.Slots.Unused, Is.EqualTo(1));
    }

    [Test]
    public async Task In_the_loop_there_are_replays_and_marks_and_never_more_than_two_under_way(CancellationToken timeout)
    {
        using var fake = new FakeDriver();
        using var model = await FakeCuda.LoadAsync(fake, DemoModel.Directory, cancellation: timeout);
        var plan = Plan(model, ["a red circle", ""], 64, 64, 20, SamplerKind.Heun, new Guidance(3, 0.1f, 0.7f));
        using var slot = model.Slots.Lease(plan);
        var denoiser = new Denoiser(slot.Predictor, plan);
        denoiser.Begin(timeout);
        slot.Predictor.Start(new float[3 * 64 * 64]);
        fake.ClearCalls();
        foreach (var _ in plan.Evaluations())
        {
            slot.Predictor.Evaluate(timeout);
            slot.Predictor.Settle(slot.Predictor.Ahead);
        }
        var calls = fake.Calls;
        Assert.That(calls.Distinct(), Is.SubsetOf(_inTheLoop));
        Assert.That(calls.Count(c => c == "cuGraphLaunch"), Is.EqualTo(39));
        var underWay = 0;
        foreach (var call in calls)
        {
            underWay += call == "cuGraphLaunch" ? 1 : call == "cuEventSynchronize" ? -1 : 0;
            Assert.That(underWay, Is.InRange(0, 2));
        }
        Assert.That(calls, Does.Contain("cuEventSynchronize"));
    }

    [Test]
    public async Task Steps_are_told_when_they_are_done_and_a_cancelled_run_takes_two_more_at_most(CancellationToken timeout)
    {
        using var fake = new FakeDriver();
        using var model = await FakeCuda.LoadAsync(fake, DemoModel.Directory, cancellation: timeout);
        var plan = Plan(model, ["a red circle", ""], 32, 32, 10, SamplerKind.Euler, new Guidance(3));
        using var slot = model.Slots.Lease(plan);
        var denoiser = new Denoiser(slot.Predictor, plan);
        denoiser.Begin(timeout);
        var told = new List<int>();
        denoiser.Run(new float[3 * 32 * 32], step =>
        {
            told.Add(step);
            Assert.That(Waited(), Is.GreaterThanOrEqualTo(step), "its mark was waited for");
        }, null, timeout);
        Assert.That(told, Is.EqualTo(Enumerable.Range(1, 10)));

        using var cancel = new CancellationTokenSource();
        fake.ClearCalls();
        Assert.That(() => denoiser.Run(new float[3 * 32 * 32], step => { if (step == 3) cancel.Cancel(); }, null, cancel.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(fake.Calls.Count(c => c == "cuGraphLaunch"), Is.InRange(3, 5));

        int Waited() => fake.Calls.Count(c => c == "cuEventSynchronize");
    }

    [Test]
    public async Task More_times_than_are_ready_at_once_are_computed_window_by_window(CancellationToken timeout)
    {
        using var fake = new FakeDriver();
        using var model = await FakeCuda.LoadAsync(fake, DemoModel.Directory, cancellation: timeout);
        var plan = Plan(model, ["a red circle"], 16, 16, 2 * Predictor.TimesAtOnce + 5, SamplerKind.Euler, new Guidance(1));
        using var slot = model.Slots.Lease(plan);
        var told = 0;
        var denoiser = new Denoiser(slot.Predictor, plan);
        denoiser.Begin(timeout);
        denoiser.Run(new float[3 * 16 * 16], _ => told++, null, timeout);
        Assert.That(told, Is.EqualTo(plan.Steps));
        Assert.That(fake.Calls.Count(c => c == "cuGraphLaunch"), Is.EqualTo(plan.Steps));
    }

    private static int Captures(FakeDriver fake) => fake.Calls.Count(c => c == "cuGraphInstantiateWithFlags");

    private static float[] Run(Predictor predictor, DenoisePlan plan, CancellationToken cancellation)
    {
        var denoiser = new Denoiser(predictor, plan);
        denoiser.Begin(cancellation);
        return denoiser.Run(new SeededNumbers(plan.Steps).Floats(3 * plan.Height * plan.Width, 2), null, null, cancellation);
    }

    private static DenoisePlan Plan(TunaModel model, string[] prompts, int height, int width, int steps, SamplerKind sampler, Guidance guidance)
    {
        var grid = new Grid(1, height / model.Config.PatchSize, width / model.Config.PatchSize);
        return new([.. prompts.Select(p => PromptLayout.TextToImage(model.Tokens, model.Tokenizer.Encode(p), grid))], height, width, steps, sampler, guidance);
    }
}
