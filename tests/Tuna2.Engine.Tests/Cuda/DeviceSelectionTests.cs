using NUnit.Framework;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Models;
using Tuna2.Engine.Tests.Sessions;

namespace Tuna2.Engine.Tests.Cuda;

/// <summary>Which device a name opens, and what is said where it cannot be.</summary>
public class DeviceSelectionTests
{
    [TestCase("cuda", ComputeType.Auto, "cuda:0", 2)]
    [TestCase("cuda:1", ComputeType.BF16, "cuda:1", 2)]
    [TestCase("cuda:0", ComputeType.F32, "cuda:0", 4)]
    [TestCase("auto", ComputeType.Auto, "cuda:0", 2)]
    [TestCase("cpu", ComputeType.Auto, "cpu", 4)]
    public void A_device_is_opened_by_its_name(string name, ComputeType type, string device, int activationBytes)
    {
        using var fake = new FakeDriver();
        var selection = FakeCuda.Open(fake, type, device: name);
        using (var backend = selection.Backend)
        {
            Assert.That(backend.Name, Is.EqualTo(device));
            Assert.That(backend.ActivationBytes, Is.EqualTo(activationBytes));
            Assert.That(selection.Note, Is.Null);
            Assert.That(fake.Retained, Is.EqualTo(device == "cpu" ? 0 : 1));
        }
        FakeCuda.AssertNothingLeft(fake);
    }

    [Test]
    public void A_device_that_cannot_be_used_is_refused_with_the_reason_and_auto_says_why_it_computes_on_the_CPU()
    {
        var cases = new (string Reason, Action<FakeDriver> Make)[]
        {
            ("there is no cuda:0; the driver has no device", fake => fake.SetDevices(0)),
            ("the NVIDIA driver serves CUDA 11.4, and 12.0 is needed: update it", fake => fake.SetVersion(11040)),
            ("Fake GPU 0 is sm_75, and kernels need sm_80 or newer", fake => fake.SetCapability(75)),
            ("CUDA_ERROR_NO_DEVICE (100) in cuInit: no NVIDIA GPU is visible", fake => fake.Fail("cuInit", 100)),
            ("CUDA_ERROR_OUT_OF_MEMORY (2, out of memory) in cuDevicePrimaryCtxRetain", fake => fake.Fail("cuDevicePrimaryCtxRetain", 2)),
            ("CUDA_ERROR_OUT_OF_MEMORY (2, out of memory) in cuStreamCreate", fake => fake.Fail("cuStreamCreate", 2)),
        };
        foreach (var (reason, make) in cases)
        {
            using (var fake = new FakeDriver())
            {
                make(fake);
                Assert.That(() => FakeCuda.Open(fake, device: "cuda:0"), Throws.TypeOf<DeviceException>()
                    .With.Message.StartsWith("device cuda:0 cannot be used: ").And.Message.Contains(reason));
                FakeCuda.AssertNothingLeft(fake, reason);
            }
            using (var fake = new FakeDriver())
            {
                make(fake);
                var selection = FakeCuda.Open(fake, device: "auto");
                using var backend = selection.Backend;
                Assert.That(backend.Name, Is.EqualTo("cpu"));
                Assert.That(selection.Note, Does.StartWith("computing on the CPU: cuda:0 cannot be used: ").And.Contain(reason));
            }
            using (var fake = new FakeDriver())
            {
                make(fake);
                Assert.That(() => FakeCuda.Open(fake, ComputeType.BF16, device: "auto"), Throws.TypeOf<DeviceException>()
                    .With.Message.Contains("dtype bf16").And.Message.Contains(reason));
            }
        }
    }

    [Test]
    public void A_machine_without_a_compiler_for_kernels_is_told_where_one_was_looked_for()
    {
        using var fake = new FakeDriver();
        var options = FakeCuda.Options(fake) with { Images = _ => throw new DeviceException("NVRTC not found: no libnvrtc.so.12 in CUDA_PATH") };
        Assert.That(() => DeviceSelection.Open(new() { Device = "cuda" }, options), Throws.TypeOf<DeviceException>().With.Message.EndsWith("NVRTC not found: no libnvrtc.so.12 in CUDA_PATH"));
        Assert.That(fake.Retained, Is.Zero);
    }

    [Test]
    public void A_missing_driver_is_refused_and_for_auto_no_matter()
    {
        using var folder = new TemporaryDirectory();
        var options = new CudaOptions { DriverPath = folder.Path };
        Assert.That(() => DeviceSelection.Open(new() { Device = "cuda:0" }, options), Throws.TypeOf<DeviceException>()
            .With.Message.Contains("the CUDA driver not found").And.Message.Contains(folder.Path));
        using var cpu = DeviceSelection.Open(new() { Device = "auto", Threads = 1 }, options).Backend;
        Assert.That(cpu.Name, Is.EqualTo("cpu"));
    }

    [Test]
    public async Task A_model_that_does_not_fit_is_refused_before_it_is_read_and_auto_takes_the_CPU()
    {
        using var fake = new FakeDriver();
        fake.SetMemory(1 << 20);
        var read = 0L;
        var progress = new Listener<LoadProgress>(p => read = p.Bytes);
        var error = await Assert.ThrowsAsync<DeviceException>(() => FakeCuda.LoadAsync(fake, DemoModel.Directory, progress: progress));
        Assert.That(error!.Message, Does.Match(@"^not enough memory for tuna2-shapes on cuda:0: its weights take [\d.]+ MiB and the smallest request [\d.]+ MiB, [\d.]+ KiB can be had; free some"));
        Assert.That(read, Is.Zero);
        FakeCuda.AssertNothingLeft(fake);

        using var model = await TunaModel.LoadAsync(ModelFiles.Of(DemoModel.Directory), () => FakeCuda.Open(fake, device: "auto"), null, default);
        Assert.That(model.Device, Is.EqualTo("cpu"));
        Assert.That(model.DeviceNote, Does.StartWith("computing on the CPU: cuda:0 cannot be used: not enough memory for tuna2-shapes on cuda:0"));
        FakeCuda.AssertNothingLeft(fake);
    }

    [Test]
    public void The_environment_names_the_driver()
    {
        using var fake = new FakeDriver();
        var before = Environment.GetEnvironmentVariable("TUNA2_CUDA_DRIVER");
        try
        {
            Environment.SetEnvironmentVariable("TUNA2_CUDA_DRIVER", fake.Path);
            Assert.That(CudaOptions.OfEnvironment().DriverPath, Is.EqualTo(fake.Path));
        }
        finally
        {
            Environment.SetEnvironmentVariable("TUNA2_CUDA_DRIVER", before);
        }
    }
}
