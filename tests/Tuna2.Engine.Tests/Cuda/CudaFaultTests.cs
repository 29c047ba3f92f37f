using NUnit.Framework;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Cuda;

/// <summary>Every way to fail: the error names the call, nothing is left behind, disposal is silent.</summary>
public class CudaFaultTests
{
    private const int Unknown = 999, IllegalAddress = 700;

    private static readonly string[] _whenDisposing =
        ["cuMemFree_v2", "cuMemFreeHost", "cuModuleUnload", "cuStreamDestroy_v2", "cuEventDestroy_v2", "cuGraphDestroy", "cuGraphExecDestroy", "cuDevicePrimaryCtxRelease_v2", "cuCtxPopCurrent_v2"];

    [TestCase(false)]
    [TestCase(true)]
    public void Every_call_may_fail(bool forever)
    {
        IReadOnlyList<string> calls;
        using (var fake = new FakeDriver())
        {
            Everything(fake);
            calls = fake.Calls;
            AssertNothingLeft(fake, "a run without failures");
        }
        Assert.That(calls, Has.Count.GreaterThan(60));

        for (var n = 1; n <= calls.Count; n++)
        {
            var where = $"call {n}, {calls[n - 1]}, {(forever ? "for good" : "once")}";
            using var fake = new FakeDriver();
            fake.Fail("", Unknown, n, forever);
            var error = Caught(() => Everything(fake));
            // Failures of disposal are silent, so what fails for good from there on is reported by the next call.
            var named = forever && _whenDisposing.Contains(calls[n - 1]) ? "cu" : CudaDriver.FunctionName(calls[n - 1]);
            if (error is not null)
                Assert.That(error.Message, Does.Contain($"CUDA_ERROR_UNKNOWN (999) in {named}"), where);
            else
                Assert.That(_whenDisposing.Append("cuCtxPushCurrent_v2"), Does.Contain(calls[n - 1]), $"{where}: no error");
            // A context that cannot be made current cannot be cleaned up: all else is.
            if (!forever && (error is not null || calls[n - 1] != "cuCtxPushCurrent_v2"))
                AssertNothingLeft(fake, where);
            Assert.That(fake.Depth, Is.Zero, where);
            Assert.That(fake.Retained, Is.Zero, where);
        }
    }

    [Test]
    public void A_fault_is_reported_again_by_every_later_call_and_blames_the_last_launch()
    {
        using var fake = new FakeDriver();
        using var gpu = new FakeGpu(fake);
        using var buffer = new CudaBuffer(gpu.Context, 64, "numbers");
        using var mark = new CudaEvent(gpu.Context);
        gpu.Launch(new CopyRows(3), new CopyRowsArgs { Words = 4, Rows = 1 }, "pick");
        fake.Fail("cuStreamSynchronize", IllegalAddress);

        var first = Caught(gpu.Stream.Synchronize)!.Message;
        Assert.That(first, Is.EqualTo(
            "cuda:0: CUDA_ERROR_ILLEGAL_ADDRESS (700, an illegal memory access was encountered) in cuStreamSynchronize, " +
            "after launching copy_rows [BLOCK=128] grid 3x1x1 block 128 smem 0, node pick"));
        var before = fake.Calls.Count;
        foreach (var later in new Action[]
        {
            gpu.Stream.Synchronize,
            () => gpu.Launch(new CopyRows(3), new CopyRowsArgs { Rows = 1 }),
            () => gpu.Memory.Allocate(8, "more"),
            () => gpu.Memory.Upload([1], buffer, 0),
            () => gpu.Memory.Download(buffer, 0, new byte[1]),
            () => gpu.Memory.Fill(buffer, 0),
            () => mark.Record(gpu.Stream),
            mark.Synchronize,
            () => new CudaStream(gpu.Context).Dispose(),
            () => _ = gpu.Context.FreeMemory,
        })
            Assert.That(Caught(later)?.Message, Is.EqualTo($"the device is lost to this process since {first}"));
        Assert.That(fake.Calls.Count, Is.EqualTo(before), "the driver is not asked again");
        Assert.That(gpu.Context.Fault, Is.EqualTo(first));
    }

    [Test]
    public void A_fault_that_surfaces_in_disposal_is_silent_and_kept()
    {
        using var fake = new FakeDriver();
        using var gpu = new FakeGpu(fake);
        var buffer = gpu.Memory.Allocate(64, "numbers");
        gpu.Launch(new CopyRows(3), new CopyRowsArgs { Words = 4, Rows = 1 }, "pick");
        fake.Fail("cuMemFree_v2", IllegalAddress);
        buffer.Dispose();
        Assert.That(gpu.Stream.Synchronize, Throws.TypeOf<DeviceException>().With.Message.Contains("in cuMemFree, after launching copy_rows"));
    }

    [Test]
    public void Objects_may_be_disposed_in_any_order_and_twice()
    {
        for (var seed = 0; seed < 30; seed++)
        {
            using var fake = new FakeDriver();
            var gpu = new FakeGpu(fake);
            gpu.Launch(new CopyRows(3), new CopyRowsArgs { Words = 4, Rows = 1 });
            IDisposable[] objects =
            [
                gpu.Context, gpu.Stream, gpu.Kernels, new CudaEvent(gpu.Context), new PinnedBuffer(gpu.Context, 16, "staging"),
                gpu.Memory.Allocate(16, "one"), gpu.Memory.Allocate(16, "two"),
            ];
            new Random(seed).Shuffle(objects);
            foreach (var one in objects)
            {
                Assert.That(fake.Retained, Is.EqualTo(1), "whatever lives holds the context");
                one.Dispose();
                one.Dispose();
            }
            AssertNothingLeft(fake, $"seed {seed}");
            Assert.That(fake.Calls[^1], Is.EqualTo("cuDevicePrimaryCtxRelease_v2"));
        }
    }

    [Test]
    public void What_is_disposed_is_refused_before_the_driver_sees_it()
    {
        using var fake = new FakeDriver();
        var gpu = new FakeGpu(fake);
        var buffer = gpu.Memory.Allocate(16, "one");
        gpu.Dispose();
        Assert.That(() => gpu.Stream.Handle, Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => gpu.Launch(new CopyRows(1), new CopyRowsArgs { Rows = 1 }), Throws.TypeOf<ObjectDisposedException>());
        buffer.Dispose();
        Assert.That(() => buffer.Address, Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => new CudaStream(gpu.Context), Throws.TypeOf<ObjectDisposedException>());
    }

    /// <summary>All there is, once.</summary>
    private static void Everything(FakeDriver fake)
    {
        using var context = new CudaContext(fake.Load().Device(0));
        using var stream = new CudaStream(context);
        using var kernels = new CudaKernels(context, new TestImages());
        using var queue = new CudaQueue(stream);
        var launcher = new CudaLauncher(stream, kernels);
        using CudaEvent start = new(context, timed: true), end = new(context, timed: true);
        using var pinned = new PinnedBuffer(context, 64, "numbers");
        var memory = new CudaMemory(queue);
        using CudaBuffer buffer = new(context, 64, "numbers"), other = new(context, 64, "copy");
        memory.Fill(buffer, 1);
        memory.Upload([1, 2, 3], buffer, 0);
        start.Record(stream);
        var product = new MatMul(ToF32: false);
        var args = new MatMulArgs { M = 1, N = 1, K = 8 };
        launcher.Launch(product.Instance, product.Shape(args), Native.HostRunner.Bytes(args), "product");
        using (var graph = queue.Capture("product", new(kernels), launcher, launches => launches.Launch(product.Instance, product.Shape(args), Native.HostRunner.Bytes(args), "product")))
            graph.Launch(stream);
        end.Record(stream);
        end.Synchronize();
        Assert.That(end.MillisecondsSince(start), Is.EqualTo(1.5f));
        memory.Copy(buffer, 0, other, 0, 64);
        memory.Download(other, 0, new byte[3]);
        Assert.That(context.FreeMemory, Is.Positive);
    }

    private static DeviceException? Caught(Action action)
    {
        try
        {
            action();
            return null;
        }
        catch (DeviceException e)
        {
            return e;
        }
    }

    private static void AssertNothingLeft(FakeDriver fake, string where) => Assert.Multiple(() =>
    {
        Assert.That(fake.Live, Is.Zero, where);
        Assert.That(fake.Retained, Is.Zero, where);
        Assert.That(fake.Depth, Is.Zero, where);
    });
}
