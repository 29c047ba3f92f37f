using NUnit.Framework;
using Tuna2.Engine.Cuda;

namespace Tuna2.Engine.Tests.Cuda;

public class CudaDriverTests
{
    [Test]
    public void Devices_are_listed_with_what_they_are()
    {
        using var fake = new FakeDriver();
        var driver = fake.Load();

        Assert.That(driver.Version, Is.EqualTo(new Version(12, 4)));
        Assert.That(driver.Devices().Select(d => d.ToString()), Is.EqualTo(new[]
        {
            "cuda:0 Fake GPU 0, sm_90a, 132 SMs, 80.0 GiB",
            "cuda:1 Fake GPU 1, sm_80, 108 SMs, 80.0 GiB",
        }));
        Assert.That(driver.Device(0).MaxSharedBytes, Is.EqualTo(227 << 10));
        Assert.That(driver.Device(0).L2Bytes, Is.EqualTo(50 << 20));
        Assert.That(fake.Retained, Is.Zero, "listing makes nothing");
    }

    [TestCase(0, "no device")]
    [TestCase(1, "cuda:0")]
    [TestCase(2, "cuda:0 to cuda:1")]
    public void A_device_that_is_not_there_is_refused(int count, string there)
    {
        using var fake = new FakeDriver();
        fake.SetDevices(count);
        var driver = fake.Load();
        Assert.That(() => driver.Device(7), Throws.TypeOf<DeviceException>().With.Message.EqualTo($"there is no cuda:7; the driver has {there}"));
        Assert.That(() => driver.Device(-1), Throws.TypeOf<DeviceException>());
    }

    [Test]
    public void A_machine_without_a_GPU_says_so()
    {
        using var fake = new FakeDriver();
        fake.Fail("cuInit", 100);
        Assert.That(fake.Load, Throws.TypeOf<DeviceException>().With.Message.StartsWith("CUDA_ERROR_NO_DEVICE (100) in cuInit: no NVIDIA GPU is visible"));
    }

    [Test]
    public void A_missing_driver_is_one_clear_message()
    {
        using var folder = new TemporaryDirectory();
        Assert.That(() => CudaDriver.Load(folder.Path), Throws.TypeOf<DeviceException>()
            .With.Message.StartsWith("the CUDA driver not found: no ").And.Message.Contains(CudaLibrary.Driver.FileNames[0])
            .And.Message.Contains(folder.Path).And.Message.EndsWith("it comes with NVIDIA's display driver"));
    }

    [Test]
    public void A_library_that_is_another_is_refused()
    {
        using var folder = new TemporaryDirectory();
        folder.Write(CudaLibrary.Driver.FileNames[0], "no library"u8);
        Assert.That(() => CudaDriver.Load(folder.Path), Throws.TypeOf<DeviceException>().With.Message.StartsWith("the CUDA driver cannot be used: "));
    }

    [TestCase("context.Api.cuMemAlloc_v2(&address, (nuint)bytes)", "cuMemAlloc")]
    [TestCase("Api.cuInit(0)", "cuInit")]
    [TestCase("cuModuleLoadData", "cuModuleLoadData")]
    public void The_function_is_named_from_the_calls_text(string call, string name) =>
        Assert.That(CudaDriver.FunctionName(call), Is.EqualTo(name));
}
