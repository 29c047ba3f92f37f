using NUnit.Framework;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Cuda;

public class CudaQueueTests
{
    private static readonly CopyRows _kernel = new(3);
    private static readonly CopyRowsArgs _args = new() { Words = 4, Rows = 1 };

    [Test]
    public void A_capture_runs_nothing_and_loads_before_it_begins()
    {
        using var fake = new FakeDriver();
        using var gpu = new FakeGpu(fake);
        var product = new MatMul(ToF32: false);
        var args = new MatMulArgs { M = 300, N = 256, K = 64 };
        using var graph = gpu.Capture("product", launcher =>
        {
            Launch(launcher);
            launcher.Launch(product.Instance, product.Shape(args), Native.HostRunner.Bytes(args), "product");
        });
        var calls = fake.Calls.ToList();
        var begin = calls.IndexOf("cuStreamBeginCapture_v2");
        Assert.That(calls.LastIndexOf("cuModuleLoadData"), Is.LessThan(begin));
        Assert.That(calls.LastIndexOf("cuFuncSetAttribute"), Is.LessThan(begin));
        Assert.That(calls.Count(c => c == "cuLaunchKernel"), Is.EqualTo(2));
        graph.Launch(gpu.Stream);
        graph.Launch(gpu.Stream);
        Assert.That(fake.Calls.Count(c => c == "cuLaunchKernel"), Is.EqualTo(2), "a replay is one call");
        Assert.That(fake.Calls.Count(c => c == "cuGraphLaunch"), Is.EqualTo(2));
    }

    [Test]
    public void What_a_capture_forbids_is_an_error_that_leaves_nothing_and_the_stream_works_on()
    {
        using var fake = new FakeDriver();
        var gpu = new FakeGpu(fake);
        var buffer = gpu.Memory.Allocate(64, "numbers");
        using var mark = new CudaEvent(gpu.Context);
        foreach (var forbidden in new Action[]
        {
            () => gpu.Memory.Allocate(8, "more").Dispose(),
            () => gpu.Memory.Upload([1], buffer, 0),
            () => gpu.Memory.Download(buffer, 0, new byte[1]),
            gpu.Stream.Synchronize,
            mark.Synchronize,
            () => gpu.Kernels.Get(new Silu(ElementType.F32).Instance),
        })
        {
            Assert.That(() => CudaGraph.Capture(gpu.Stream, "test", forbidden), Throws.TypeOf<DeviceException>().With.Message.Contains("CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"));
            gpu.Launch(_kernel, _args);
            gpu.Stream.Synchronize();
        }
        buffer.Dispose();
        mark.Dispose();
        gpu.Dispose();
        FakeCuda.AssertNothingLeft(fake);
    }

    [Test]
    public void An_error_of_the_caller_ends_the_capture_and_comes_out()
    {
        using var fake = new FakeDriver();
        using var gpu = new FakeGpu(fake);
        gpu.Launch(_kernel, _args);
        var error = new FormatException("the caller's");
        Assert.That(() => CudaGraph.Capture(gpu.Stream, "test", () => { gpu.Launch(_kernel, _args); throw error; }), Throws.Exception.SameAs(error));
        using var graph = gpu.Capture("test", Launch);
        graph.Launch(gpu.Stream);
    }

    [Test]
    public void What_a_graph_replays_is_what_was_captured()
    {
        using var fake = new FakeDriver();
        using var gpu = new FakeGpu(fake);
        using CudaBuffer from = new(gpu.Context, 16, "from"), to = new(gpu.Context, 16, "to");
        gpu.Memory.Fill(from, 3);
        gpu.Memory.Fill(to, 9);
        using var graph = CudaGraph.Capture(gpu.Stream, "copy", () => gpu.Memory.Copy(from, 0, to, 0, 16));
        var read = new byte[16];
        gpu.Memory.Download(to, 0, read);
        Assert.That(read, Is.All.EqualTo(9), "nothing ran yet");
        gpu.Memory.Fill(from, 4);
        graph.Launch(gpu.Stream);
        gpu.Memory.Download(to, 0, read);
        Assert.That(read, Is.All.EqualTo(4), "it reads what is there when it runs");
    }

    [Test]
    public void Large_copies_go_piece_by_piece()
    {
        using var fake = new FakeDriver();
        using var gpu = new FakeGpu(fake);
        var bytes = new byte[2 * StagingBuffer.Bytes + 12345];
        new Random(1).NextBytes(bytes);
        using var buffer = gpu.Memory.Allocate(bytes.Length + 3, "numbers");
        gpu.Memory.Upload(bytes, buffer, 3);
        var back = new byte[bytes.Length];
        gpu.Memory.Download(buffer, 3, back);
        Assert.That(back, Is.EqualTo(bytes));
        Assert.That(fake.Calls.Count(c => c == "cuMemHostAlloc"), Is.EqualTo(2));
        Assert.That(fake.Calls.Count(c => c == "cuMemcpyHtoDAsync_v2"), Is.EqualTo(3));
    }

    private static void Launch(ILauncher launcher) => launcher.Launch(_kernel.Instance, _kernel.Shape(_args), Native.HostRunner.Bytes(_args), "copy");
}
