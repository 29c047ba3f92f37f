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

    [TestCase(ComputeType.F32, "tuna2-tiny", "understand_square")]
    [TestCase(ComputeType.F32, "tunar-tiny", "reconstruct")]
    [TestCase(ComputeType.Auto, "tunavae-tiny", "vae_image")]
    [TestCase(ComputeType.Auto, "tuna2-tiny-bf16", "t2i_square")]
    public async Task References_are_reproduced_through_the_driver(ComputeType type, string directory, string name)
    {
        using var fake = FakeCuda.Executing();
        var report = await ParityRunner.RunAsync(Fixtures.Path(directory), () => FakeCuda.Open(fake, type), [name], null, CancellationToken.None);
        Assert.That(report.Device, Is.EqualTo("cuda:0"));
        Assert.That(report.Cases, Has.Count.EqualTo(1));
        Assert.That(report.Cases[0].Status, Is.EqualTo(ParityStatus.Passed), report.Cases[0].Reason ?? string.Join("; ", report.Cases[0].Checks.Where(c => !c.Passed)));
        FakeCuda.AssertNothingLeft(fake);
    }
}
