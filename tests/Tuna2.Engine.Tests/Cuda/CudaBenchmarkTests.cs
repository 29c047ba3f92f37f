using NUnit.Framework;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Tests.Cuda;

/// <summary>The benchmark on a device that is not there: what it counts, and that it leaves nothing.</summary>
[CancelAfter(300_000)]
public class CudaBenchmarkTests
{
    private static ManifestCheckpoint Shape => Of("tuna2-shapes");

    private static ManifestCheckpoint Of(string shape) => WeightsManifest.Checkpoints.Single(c => c.Name == shape);

    [Test]
    public async Task Weights_are_made_on_the_device_and_every_kernel_has_its_time(CancellationToken timeout)
    {
        using var fake = new FakeDriver();
        using (var model = await TunaModel.MakeRandomAsync(Shape, () => FakeCuda.Open(fake), null, timeout))
        {
            Assert.That(fake.Calls.Count(c => c == "cuMemcpyHtoDAsync_v2"), Is.LessThan(10), "no weight is sent");
            var benchmark = new ModelBenchmark(model, new() { Width = 16, Height = 16, Steps = 2, Tokens = 3, Rounds = 1 });
            var rows = benchmark.Run(null, timeout);
            Assert.That(rows.Select(r => r.Name), Is.EqualTo(new[] { "prefill", "step", "token", "picture" }));
            Assert.That(benchmark.Peaks.FlopsPerSecond, Is.EqualTo(4096 * 132 * 1.98e9).Within(1).Percent);
            foreach (var (of, time) in benchmark.Kernels)
            {
                // Every pair of the fake's marks is 1.5 ms apart.
                Assert.That(time.Seconds, Is.EqualTo(time.Count * 1.5e-3).Within(1e-6), time.Name);
                Assert.That(time.Bytes, Is.Positive, time.Name);
            }
            var step = benchmark.Kernels.Where(k => k.Of == "step").ToDictionary(k => k.Time.Name, k => k.Time.Count);
            Assert.That(step["advance_step"], Is.EqualTo(1));
            Assert.That(step["gemv_bf16_swiglu"], Is.EqualTo(model.Config.NumHiddenLayers + model.Config.FlowHead.NumLayers));
            var token = benchmark.Kernels.Where(k => k.Of == "token").ToDictionary(k => k.Time.Name, k => k.Time.Count);
            Assert.That(token["sample_token"], Is.EqualTo(1));
            Assert.That(token["gemv_bf16_to_f32"], Is.EqualTo(1));
            Assert.That(benchmark.PictureBytes, Is.Positive);
            Assert.That(benchmark.AnswerBytes, Is.Positive);
        }
        FakeCuda.AssertNothingLeft(fake);
    }

    [Test]
    public async Task Growth_frees_a_size_before_it_takes_the_next(CancellationToken timeout)
    {
        using var fake = new FakeDriver();
        using (var model = await TunaModel.MakeRandomAsync(Shape, () => FakeCuda.Open(fake), null, timeout))
        {
            var benchmark = new GrowthBenchmark(model, new() { MaxTokens = 16, MaxPrefix = 64, MaxBatch = 2, Steps = 2, Rounds = 1 });
            var rows = benchmark.Run(null, timeout);
            Assert.That(benchmark.Compute, Is.EqualTo("bfloat16"));
            Assert.That(rows.GroupBy(r => r.Axis).Select(of => (of.Key, of.Count())), Is.EqualTo(new[] { ("tokens", 5), ("batch", 2), ("prefix", 5) }));
            Assert.That(rows.Select(r => r.Flops), Is.All.Positive);
        }
        FakeCuda.AssertNothingLeft(fake);
    }

    /// <summary>Tuna's VAE is made on the device too, and timed in both directions.</summary>
    [Test]
    public async Task A_model_of_latents_has_rows_of_its_VAE(CancellationToken timeout)
    {
        using var fake = new FakeDriver();
        using (var model = await TunaModel.MakeRandomAsync(Of("tuna_tiny"), () => FakeCuda.Open(fake), null, timeout))
        {
            Assert.That(fake.Calls.Count(c => c == "cuMemcpyHtoDAsync_v2"), Is.LessThan(10), "no weight is sent, not of a convolution either");
            var benchmark = new ModelBenchmark(model, new() { Width = 32, Height = 32, Steps = 2, Tokens = 3, Rounds = 1 });
            var rows = benchmark.Run(null, timeout);
            Assert.That(rows.Select(r => r.Name), Is.EqualTo(new[] { "prefill", "step", "encode", "decode", "token", "picture" }));
            using var codec = model.NewVaeCodec(32, 32);
            codec.PrepareToDecode(1);
            var ops = codec.Plans.Single().Graph.Ops;
            var flops = ops.OfType<Conv3d>().Sum(o => 2L * o.OutputSize.Count * o.Weight.Rows * o.Weight.Columns) + ops.OfType<MatMul>().Sum(o => 2L * o.Input.Rows.Max * o.Weight.Count);
            Assert.That(rows[3].Flops, Is.EqualTo(flops));
            Assert.That(rows[2].Flops, Is.Positive);
            Assert.That(rows[2].Bytes, Is.Positive);
            Assert.That(rows[3].Bytes, Is.GreaterThan(4 * ops.OfType<Conv3d>().Sum(o => o.Weight.Count)));
        }
        FakeCuda.AssertNothingLeft(fake);
    }

    [TestCase("tuna2-shapes")]
    [TestCase("tuna_tiny")]
    public async Task A_random_model_is_the_same_on_every_device(string shape, CancellationToken timeout)
    {
        var options = new ImageOptions { Width = 16, Height = 16, Steps = shape == "tuna_tiny" ? 2 : 1, Guidance = 1, Seed = 3 };
        var pictures = new List<float[]>();
        using var fake = FakeCuda.Executing();
        foreach (var open in new Func<DeviceSelection>[] { () => new(new Engine.Cpu.CpuBackend(2)), () => FakeCuda.Open(fake, ComputeType.F32) })
        {
            using var model = await TunaModel.MakeRandomAsync(Of(shape), open, null, timeout);
            using var session = model.CreateSession();
            var picture = (await session.GenerateAsync("a red circle", options, null, timeout))[0];
            pictures.Add([.. picture.Image.Pixels.ToArray().Select(p => (float)p)]);
        }
        // The same numbers but for the order of sums: a step of a picture's 256 at most.
        Assert.That(pictures[0].Zip(pictures[1], (a, b) => Math.Abs(a - b)).Max(), Is.LessThanOrEqualTo(1));
        Assert.That(pictures[0].Distinct().Count(), Is.GreaterThan(10));
        FakeCuda.AssertNothingLeft(fake);
    }

    [Test]
    public void A_random_model_that_does_not_fit_is_refused_before_it_is_made()
    {
        using var fake = new FakeDriver();
        fake.SetMemory(1 << 20);
        Assert.That(() => TunaModel.MakeRandomAsync(Shape, () => FakeCuda.Open(fake), null, default), Throws.TypeOf<DeviceException>().With.Message.StartsWith("not enough memory for tuna2-shapes on cuda:0"));
        FakeCuda.AssertNothingLeft(fake);
    }
}
