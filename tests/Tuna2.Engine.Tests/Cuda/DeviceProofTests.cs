using NUnit.Framework;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Models;
using Tuna2.Engine.Tests.Sessions;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Tests.Cuda;

/// <summary>The checks a GPU is given, on the fake driver and on devices that are wrong.</summary>
[CancelAfter(300_000)]
public class DeviceProofTests
{
    private static readonly ProofOptions _small = new() { Width = 16, Height = 16, Repeats = 2, Sessions = 1 };

    [Test]
    public async Task A_device_that_computes_as_it_must_passes_every_check(CancellationToken timeout)
    {
        using var fake = FakeCuda.Executing();
        var checks = await Run(graphs => FakeCuda.Open(fake, ComputeType.F32, graphs), timeout);
        Assert.That(checks.Select(c => c.Name), Is.EqualTo(new[] { "repeats", "seed", "together", "batch", "memory", "replay", "reference" }));
        Assert.That(checks.Select(c => c.Passed), Is.All.EqualTo(true), string.Join('\n', checks));
        FakeCuda.AssertNothingLeft(fake);
    }

    /// <summary>Of latents, with a VAE before and behind them.</summary>
    [Test]
    public async Task A_model_of_latents_passes_every_check(CancellationToken timeout)
    {
        using var fake = FakeCuda.Executing();
        var tiny = WeightsManifest.Checkpoints.Single(c => c.Name == "tuna_tiny");
        var shape = tiny with { Config = tiny.Config with { Vae = tiny.Config.Vae! with { NumResBlocks = 1 } } };
        var checks = await DeviceProof.RunAsync(
            device => TunaModel.MakeRandomAsync(shape, device, null, timeout), graphs => FakeCuda.Open(fake, ComputeType.F32, graphs), _small with { Repeats = 1 }, null, timeout);
        Assert.That(checks.Select(c => c.Passed), Is.All.EqualTo(true), string.Join('\n', checks));
        Assert.That(checks.Single(c => c.Name == "reference").Detail, Does.Contain("the VAE's latent").And.Contain("its pixels"));
        FakeCuda.AssertNothingLeft(fake);
    }

    [Test]
    public async Task On_the_CPU_it_says_what_was_not_run(CancellationToken timeout)
    {
        var checks = await Run(_ => new(new CpuBackend(2)), timeout);
        Assert.That(checks.Where(c => c.Passed == true).Select(c => c.Name), Is.EqualTo(new[] { "repeats", "seed", "together", "batch" }));
        Assert.That(checks.Where(c => c.Passed is null).Select(c => c.Name), Is.EqualTo(new[] { "memory", "replay", "reference" }));
    }

    /// <summary>A device of which every third large result has another bit.</summary>
    [Test]
    public async Task A_bit_that_flips_now_and_then_is_found(CancellationToken timeout)
    {
        var checks = await Run(_ => new(new Flipping(new CpuBackend(2))), timeout);
        Assert.That(checks.Single(c => c.Name == "repeats").Passed, Is.False, string.Join('\n', checks));
    }

    private static Task<IReadOnlyList<ProofCheck>> Run(Func<bool, DeviceSelection> open, CancellationToken cancellation) =>
        DeviceProof.RunAsync(device => TunaModel.LoadAsync(ModelFiles.Of(DemoModel.Directory), device, null, cancellation), open, _small, null, cancellation);

    private sealed class Flipping(CpuBackend backend) : IBackend
    {
        private int _large;

        public string Name => "flipping";

        public IDeviceBuffer Allocate(long bytes, string what) => backend.Allocate(bytes, what);

        public void Upload(ReadOnlySpan<byte> source, IDeviceBuffer destination, long offset) => backend.Upload(source, destination, offset);

        public void Download(IDeviceBuffer source, long offset, Span<byte> destination)
        {
            backend.Download(source, offset, destination);
            if (destination.Length > 1000 && ++_large % 3 == 0)
                destination[500] ^= 1;
        }

        public GraphProgram Prepare(Plan plan, IMemoryMap memory, BatchBounds bounds) => backend.Prepare(plan, memory, bounds);

        public void Dispose() => backend.Dispose();
    }
}
