using NUnit.Framework;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Models;
using Tuna2.Engine.Tests.Native;

namespace Tuna2.Engine.Tests.Cuda;

/// <summary>Models on the fake driver.</summary>
internal static class FakeCuda
{
    public static CudaOptions Options(FakeDriver fake, bool graphs = true, FakeCublasLt? products = null, bool hopper = false) =>
        new() { DriverPath = fake.Path, Images = _ => new TestImages(), Products = _ => products?.Load(), Graphs = graphs, Hopper = hopper };

    public static DeviceSelection Open(FakeDriver fake, ComputeType type = ComputeType.Auto, bool graphs = true, string device = "cuda:0", FakeCublasLt? products = null, bool hopper = false) =>
        DeviceSelection.Open(new() { Device = device, ComputeType = type, Threads = 1 }, Options(fake, graphs, products, hopper));

    public static Task<TunaModel> LoadAsync(
        FakeDriver fake, string directory, ComputeType type = ComputeType.Auto, bool graphs = true, IProgress<LoadProgress>? progress = null, FakeCublasLt? products = null,
        CancellationToken cancellation = default) =>
        TunaModel.LoadAsync(ModelFiles.Of(directory), () => Open(fake, type, graphs, products: products), progress, cancellation);

    /// <summary>A driver that runs kernels by the host runner; skips the test where that is not built.</summary>
    public static FakeDriver Executing()
    {
        NativeBuild.Require("kernels", "libadvance_step.so");
        var fake = new FakeDriver();
        fake.Execute();
        return fake;
    }

    /// <summary>Everything was given back, and no kernel did what it must not.</summary>
    public static void AssertNothingLeft(FakeDriver fake, string where = "") => Assert.Multiple(() =>
    {
        Assert.That(fake.Live, Is.Zero, $"handles {where}");
        Assert.That(fake.MemoryUsed, Is.Zero, $"memory {where}");
        Assert.That(fake.Retained, Is.Zero, $"contexts {where}");
        Assert.That(fake.Depth, Is.Zero, $"contexts left current {where}");
        Assert.That(FakeExecutor.Faults, Is.Empty, where);
    });
}
