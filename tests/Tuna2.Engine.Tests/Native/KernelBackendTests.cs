using NUnit.Framework;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Parity;
using Tuna2.Engine.Tests.Cuda;
using Tuna2.Engine.Tests.Parity;

namespace Tuna2.Engine.Tests.Native;

/// <summary>
/// Whole models through graph, planner and executor on our kernels, run by the host runner: what a GPU will be
/// given, against the official code's outputs.
/// </summary>
public class KernelBackendTests
{
    [OneTimeSetUp]
    public void MakeWeights()
    {
        NativeBuild.Require("kernels", "librms_norm_bf16.so");
        SeededWeights.MakeTiny();
        SeededWeights.MakeTunaR();
        SeededWeights.MakeTuna();
    }

    [TestCase("tuna2-tiny", "t2i_square")]
    [TestCase("tuna2-tiny", "t2i_wide_heun")]
    [TestCase("tuna2-tiny", "t2i_guidance1")]
    [TestCase("tuna2-tiny", "edit_square")]
    [TestCase("tuna2-tiny", "edit_wide_heun")]
    [TestCase("tuna2-tiny", "reconstruct")]
    [TestCase("tuna2-tiny", "understand_square")]
    [TestCase("tuna2-tiny", "understand_wide")]
    [TestCase("tunar-tiny", "siglip_square")]
    [TestCase("tunar-tiny", "siglip_wide")]
    [TestCase("tunar-tiny", "t2i_wide")]
    [TestCase("tunar-tiny", "reconstruct")]
    [TestCase("tunavae-tiny", "vae_image")]
    [TestCase("tunavae-tiny", "vae_video")]
    [TestCase("tunavae-tiny", "siglip_latent")]
    [TestCase("tunavae-tiny", "t2i_wide")]
    [TestCase("tunavae-tiny", "t2v")]
    [TestCase("tunavae-tiny", "edit_square")]
    [TestCase("tunavae-tiny", "reconstruct")]
    [TestCase("tunavae-tiny", "understand_wide")]
    public Task In_float32_the_kernels_reproduce_the_references(string directory, string name) => Reproduces(ElementType.F32, directory, name);

    [TestCase("tuna2-tiny-bf16", "t2i_square")]
    [TestCase("tuna2-tiny", "edit_wide_heun")]
    [TestCase("tuna2-tiny", "reconstruct")]
    [TestCase("tuna2-tiny", "understand_wide")]
    [TestCase("tunar-tiny", "siglip_wide")]
    [TestCase("tunar-tiny", "reconstruct")]
    [TestCase("tunavae-tiny", "t2i_wide")]
    public Task In_bfloat16_they_stay_within_twice_the_official_codes_error(string directory, string name) => Reproduces(ElementType.BF16, directory, name);

    /// <summary>Heads of 128 and of 64 elements by Hopper's attention, products by Hopper's own.</summary>
    [TestCase("tuna2-tiny-bf16", "t2i_square")]
    [TestCase("tuna2-tiny", "edit_wide_heun")]
    [TestCase("tuna2-tiny", "understand_wide")]
    public Task Hoppers_kernels_do_so_too(string directory, string name) =>
        Reproduces(ElementType.BF16, directory, name, () => new(new HostRunner(), new HostDeviceMemory(), ElementType.BF16, "host runner", hopper: HostTensorMaps.Hopper));

    [Test]
    public async Task The_VAE_computes_in_float32_whatever_the_backend_does()
    {
        var report = await ParityRunner.RunAsync(Fixtures.Path("tunavae-tiny"), () => new(new KernelBackend(new HostRunner(), new HostDeviceMemory(), ElementType.BF16, "host runner")), ["vae_image"], null, CancellationToken.None);
        Assert.That(report.Cases[0].Checks.Select(c => c.RelativeError), Is.All.LessThan(1e-5));
    }

    /// <summary>The big products by a cuBLASLt that computes on the same memory, the others and everything else by our kernels.</summary>
    [TestCase(ElementType.F32, "tuna2-tiny", "edit_wide_heun")]
    [TestCase(ElementType.BF16, "tuna2-tiny", "edit_wide_heun")]
    [TestCase(ElementType.BF16, "tuna2-tiny-bf16", "t2i_square")]
    [TestCase(ElementType.F32, "tuna2-tiny", "understand_wide")]
    [TestCase(ElementType.BF16, "tunar-tiny", "reconstruct")]
    public async Task With_cuBLASLt_they_do_so_too(ElementType element, string directory, string name)
    {
        using var driver = new FakeDriver();
        using var fake = new FakeCublasLt(driver);
        using var gpu = new FakeGpu(driver);
        using (var lt = new CublasLtHandle(gpu.Context, fake.Load()))
        {
            var memory = new HostDeviceMemory();
            await Reproduces(element, directory, name, () => new(new HostRunner(), memory, element, "host runner", new CublasLtProducts(lt, gpu.Stream, memory)));
        }
        Assert.That(fake.Products, Is.GreaterThan(20), "and it was asked");
        Assert.That(fake.Live, Is.Zero);
    }

    private static Task Reproduces(ElementType element, string directory, string name) =>
        Reproduces(element, directory, name, () => new(new HostRunner(), new HostDeviceMemory(), element, "host runner"));

    private static async Task Reproduces(ElementType element, string directory, string name, Func<KernelBackend> open)
    {
        var report = await ParityRunner.RunAsync(Fixtures.Path(directory), () => new(open()), [name], null, CancellationToken.None);
        Assert.That(report.Cases, Has.Count.EqualTo(1));
        foreach (var check in report.Cases[0].Checks)
            TestContext.Out.WriteLine($"{check.Name,-26} {check.Path,-12} max {check.MaxError:E1} rel {check.RelativeError:E1} limit {check.Limit} {(check.Passed ? "ok" : "FAIL")} {check.Note}");
        Assert.That(report.Cases[0].Status, Is.EqualTo(ParityStatus.Passed), report.Cases[0].Reason ?? string.Join("; ", report.Cases[0].Checks.Where(c => !c.Passed)));
    }
}
