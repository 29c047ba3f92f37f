using NUnit.Framework;
using Tuna2.Engine.Parity;
using Tuna2.Engine.Tests.Parity;

namespace Tuna2.Engine.Tests.Cuda;

/// <summary>
/// The whole engine as it runs on a GPU (device, driver functions, streaming, captured steps) on a driver that runs kernels on the
/// processor, against the official code's outputs. Every case of every kernel: KernelBackendTests.
/// </summary>
public class CudaParityTests
{
    [OneTimeSetUp]
    public void MakeWeights()
    {
        SeededWeights.MakeTiny();
        SeededWeights.MakeTunaR();
        SeededWeights.MakeTuna();
    }

    [TestCase(ComputeType.F32, "tuna2-tiny", "understand_square", false)]
    [TestCase(ComputeType.F32, "tunar-tiny", "reconstruct", false)]
    [TestCase(ComputeType.Auto, "tunavae-tiny", "vae_image", false)]
    [TestCase(ComputeType.Auto, "tuna2-tiny-bf16", "t2i_square", false)]
    [TestCase(ComputeType.Auto, "tuna2-tiny-bf16", "t2i_square", true)]
    public async Task References_are_reproduced_through_the_driver(ComputeType type, string directory, string name, bool hopper)
    {
        using var fake = FakeCuda.Executing();
        var report = await ParityRunner.RunAsync(Fixtures.Path(directory), () => FakeCuda.Open(fake, type, hopper: hopper), [name], null, CancellationToken.None);
        Assert.That(report.Device, Is.EqualTo("cuda:0"));
        Assert.That(report.Cases, Has.Count.EqualTo(1));
        Assert.That(report.Cases[0].Status, Is.EqualTo(ParityStatus.Passed), report.Cases[0].Reason ?? string.Join("; ", report.Cases[0].Checks.Where(c => !c.Passed)));
        foreach (var entry in new[] { "attention_hopper", "matmul_hopper" })
            Assert.That(fake.Launches.Any(l => l.Entry == entry), Is.EqualTo(hopper), entry);
        FakeCuda.AssertNothingLeft(fake);
    }

    [TestCase(80, ComputeType.Auto)]
    [TestCase(100, ComputeType.Auto)]
    [TestCase(90, ComputeType.F32)]
    public async Task Hoppers_kernels_run_on_Hopper_alone_and_in_bfloat16(int capability, ComputeType type)
    {
        using var fake = FakeCuda.Executing();
        fake.SetCapability(capability);
        var report = await ParityRunner.RunAsync(Fixtures.Path("tuna2-tiny-bf16"), () => FakeCuda.Open(fake, type, hopper: true), ["t2i_square"], null, CancellationToken.None);
        Assert.That(report.Cases[0].Status, Is.EqualTo(ParityStatus.Passed), report.Cases[0].Reason);
        Assert.That(fake.Launches.Select(l => l.Entry), Does.Not.Contain("attention_hopper").And.Not.Contain("matmul_hopper"));
    }
}
