using System.Runtime.InteropServices;
using NUnit.Framework;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Cuda;

public class CudaLauncherTests
{
    private static readonly RmsNorm _norm = new(ElementType.BF16, Rows: 4096);

    private static RmsNormArgs Arguments => new()
    {
        H = 0x0102030405060708, Y = 3, Weight = 4, Table = 5, Sequences = 6, RowSequence = 0xF1F2F3F4F5F6F7F8,
        Dim = 3584, TableColumns = 17, Shift = 11, Scale = 13, Epsilon = 1e-6f,
    };

    [Test]
    public void Shape_and_argument_bytes_arrive_exactly()
    {
        using var fake = new FakeDriver();
        using var gpu = new FakeGpu(fake);
        var args = Arguments;
        gpu.Launch(_norm, args);

        var launch = fake.Launches.Single();
        Assert.That(launch.Entry, Is.EqualTo("rms_norm"));
        Assert.That(launch.Grid, Is.EqualTo(new[] { 4096u, 1u, 1u }));
        Assert.That(launch.Block, Is.EqualTo(new[] { 256u, 1u, 1u }));
        Assert.That(launch.SharedBytes, Is.EqualTo(32));
        Assert.That(launch.Arguments, Is.EqualTo(MemoryMarshal.AsBytes(new ReadOnlySpan<RmsNormArgs>(in args)).ToArray()));
        Assert.That(launch.Arguments.AsSpan(0, 8).ToArray(), Is.EqualTo(new byte[] { 8, 7, 6, 5, 4, 3, 2, 1 }));
    }

    [Test]
    public void A_kernel_is_loaded_once()
    {
        using var fake = new FakeDriver();
        using var gpu = new FakeGpu(fake);
        for (var i = 0; i < 5; i++)
            gpu.Launch(_norm, Arguments);
        Assert.That(fake.Calls.Count(c => c == "cuModuleLoadData"), Is.EqualTo(1));
        Assert.That(fake.Launches, Has.Count.EqualTo(5));
    }

    [Test]
    public void Launching_allocates_nothing()
    {
        using var fake = new FakeDriver();
        using var gpu = new FakeGpu(fake);
        var args = Arguments;
        var shape = _norm.Shape(args);
        var instance = _norm.Instance;
        Launch();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 50; i++)
            Launch();
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);

        void Launch() => gpu.Launcher.Launch(instance, shape, MemoryMarshal.AsBytes(new ReadOnlySpan<RmsNormArgs>(in args)), "node");
    }

    [Test]
    public void Shared_memory_above_48_KiB_is_asked_for_once()
    {
        using var fake = new FakeDriver();
        using var gpu = new FakeGpu(fake);
        var product = new MatMul(ToF32: false);
        var args = new MatMulArgs { M = 2050, N = 4608, K = 3584 };
        Assert.That(product.Shape(args).SharedBytes, Is.GreaterThan(CudaModule.DefaultSharedBytes));
        gpu.Launch(product, args);
        gpu.Launch(product, args);
        gpu.Launch(_norm, Arguments);

        Assert.That(fake.Calls.Count(c => c == "cuFuncSetAttribute"), Is.EqualTo(1));
        Assert.That(fake.Launches[0].SharedBytes, Is.EqualTo(64 << 10));
        Assert.That(fake.Launches[0].Grid, Is.EqualTo(new[] { 17u, 36u, 1u }));
    }

    [Test]
    public void A_failed_launch_names_call_kernel_constants_shape_and_node()
    {
        using var fake = new FakeDriver();
        using var gpu = new FakeGpu(fake);
        fake.Fail("cuLaunchKernel", 1);
        Assert.That(() => gpu.Launch(_norm, Arguments, "layers.3.input_layernorm"), Throws.TypeOf<DeviceException>().With.Message.EqualTo(
            "cuda:0: CUDA_ERROR_INVALID_VALUE (1) in cuLaunchKernel, launching rms_norm_bf16 [ELEMENT=bf16 BLOCK=256 VECTORS=2] " +
            "grid 4096x1x1 block 256 smem 32, node layers.3.input_layernorm"));
        gpu.Launch(_norm, Arguments);
        Assert.That(fake.Launches, Has.Count.EqualTo(1), "an invalid value loses nothing");
    }

    [Test]
    public void An_image_the_driver_rejects_is_replaced_once()
    {
        using var fake = new FakeDriver();
        var images = new TestImages { Damaged = 1 };
        using var gpu = new FakeGpu(fake, images);
        gpu.Launch(_norm, Arguments);
        Assert.That(images.Given, Is.EqualTo(2));

        using var other = new FakeGpu(fake, new TestImages { Damaged = 2 });
        Assert.That(() => other.Launch(_norm, Arguments), Throws.TypeOf<DeviceException>().With.Message.EqualTo(
            "cuda:0: CUDA_ERROR_INVALID_IMAGE (200) in cuModuleLoadData, loading rms_norm_bf16 sm_90a"));
    }

    [Test]
    public void Synchronous_launches_blame_the_one_that_faulted()
    {
        using var fake = new FakeDriver();
        using var gpu = new FakeGpu(fake, synchronous: true);
        gpu.Launch(_norm, Arguments, "first");
        fake.Fail("cuStreamSynchronize", 700);
        Assert.That(() => gpu.Launch(_norm, Arguments, "second"), Throws.TypeOf<DeviceException>()
            .With.Message.Contains("in cuStreamSynchronize, launching rms_norm_bf16").And.Message.EndsWith("node second"));
    }
}
