using System.Runtime.InteropServices;
using NUnit.Framework;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Native;

/// <summary>The runner catches what it is there to catch: the kernels of native/faults, one fault each.</summary>
public class DetectorTests
{
    private const int Count = 64;
    private const int SharedBytes = Count * sizeof(float);

    private static readonly HostRunner Runner = new("faults");

    /// <summary>The argument of native/faults/fault.cuh.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct FaultArgs
    {
        public ulong Out;
        public ulong In;
        public int Count;
    }

    /// <summary>The argument of native/faults/hopper_fault.cuh.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 192)]
    private struct HopperFaultArgs
    {
        public TensorMap Map;
        public ulong Out;
    }

    [OneTimeSetUp]
    public void The_runner_is_built() => NativeBuild.Require("native", "libtuna2_runner.so");

    [TestCase("missing_barrier", "out differs", "a race, or something read or left unwritten")]
    [TestCase("overwritten_early", "out differs", "descending, poison 0")]
    [TestCase("uninitialised_shared", "out differs from byte 20 on", "ascending, poison 1")]
    [TestCase("unwritten_output", "out differs from byte 28 on", "ascending, poison 1")]
    [TestCase("early_read", "out differs")]
    [TestCase("written_input", "wrote into its input in, at byte 14")]
    [TestCase("store_past_buffer", "thread 63: out of bounds: byte 256 of a buffer of 256")]
    [TestCase("load_past_buffer", "thread 63: out of bounds: byte 256 of a buffer of 256")]
    [TestCase("store_past_shared", "thread 63: out of bounds: shared memory at 256 of 256 bytes")]
    [TestCase("missing_wait", "asynchronous copies never waited for", "native/faults/missing_wait.cu:8")]
    [TestCase("misaligned_copy", "async_copy_16 at native/faults/misaligned_copy.cu:8: shared address 4 is not 16-byte aligned")]
    [TestCase("misaligned_vector", "thread 0: a misaligned access")]
    [TestCase("diverged_warp", "deadlock: thread 0 waits in __shfl_xor_sync at native/faults/diverged_warp.cu:10",
        "thread 16 waits in __shfl_xor_sync at native/faults/diverged_warp.cu:12")]
    [TestCase("differing_masks", "deadlock", "(mask ffffffff); thread 16 waits", "(mask fffffff0)")]
    [TestCase("outside_mask", "lane 0 reads lane 20, which is not in its mask 0000ffff")]
    [TestCase("left_warp", "deadlock: thread 0 waits in __shfl_xor_sync at kernels/common/reduce.cuh", "thread 9 has returned")]
    [TestCase("skipped_barrier",
        "__syncthreads at native/faults/skipped_barrier.cu:11, where other threads of the block wait in __syncthreads at native/faults/skipped_barrier.cu:9")]
    [TestCase("exit_before_barrier",
        "deadlock: thread 0 waits in __syncthreads at native/faults/exit_before_barrier.cu:10; thread 40 has returned")]
    public void A_fault_is_named(string name, params string[] expected)
    {
        var message = Assert.Throws<KernelFaultException>(() => Launch(name))!.Message;
        Assert.That(message, Does.StartWith($"{name}: "));
        foreach (var part in expected)
            Assert.That(message, Does.Contain(part));
    }

    [TestCase("early_box", "out differs")]
    [TestCase("freed_early", "out differs")]
    [TestCase("unread_box", "returned with 1 tensor copies never waited for, the first issued at native/faults/unread_box.cu:11")]
    [TestCase("missing_bytes", "deadlock: thread 0 waits in barrier_wait at native/faults/missing_bytes.cu:13")]
    [TestCase("unfenced_product", "wgmma at native/faults/unfenced_product.cu:10: no fence since registers may have been touched")]
    [TestCase("product_not_awaited", "returned with 1 products never waited for, the first queued at native/faults/product_not_awaited.cu:11")]
    [TestCase("too_many_arrivals", "barrier_arrive at native/faults/too_many_arrivals.cu:9: all 1 arrivals of this phase have come")]
    [TestCase("unknown_barrier", "barrier_wait at native/faults/unknown_barrier.cu:9: the barrier was never initialised")]
    public void A_fault_in_what_is_Hoppers_own_is_named(string name, params string[] expected)
    {
        const int Threads = 128, Rows = 128, Panel = ITensorMaps.PanelColumns;
        using var tensor = ElementType.BF16.Input("tensor", ElementType.BF16.Random(new Random(5), Rows * Panel));
        using var output = HostBuffer.Output<float>("out", Threads);
        var args = new HopperFaultArgs { Map = new HostTensorMaps().MapOf(tensor.Address, Rows, Panel, Rows), Out = output.Address };
        var shape = new LaunchShape(1, 1, 1, Threads, Rows * Panel * sizeof(ushort) + 1024);
        var message = Assert.Throws<KernelFaultException>(() => Runner.LaunchChecked(Instance(name), shape, HostRunner.Bytes(args), output, tensor))!.Message;
        Assert.That(message, Does.StartWith($"{name}: "));
        foreach (var part in expected)
            Assert.That(message, Does.Contain(part));
    }

    [Test]
    public void A_kernel_that_does_not_end_is_ended() =>
        Assert.That(() => Launch("endless_loop", runner: new HostRunner("faults") { Seconds = 1 }),
            Throws.TypeOf<KernelFaultException>().With.Message.Contains("still running when the launch's time was over"));

    [Test]
    public void Blocks_that_race_are_seen() =>
        Assert.That(() => Launch("racing_blocks", blocks: 3),
            Throws.TypeOf<KernelFaultException>().With.Message.Contains("out differs from byte 2 on between threads ascending, poison 0, and descending, poison 0"));

    [Test]
    public void A_shared_struct_larger_than_the_launch_gives_is_seen() =>
        Assert.That(() => Launch("correct", sharedBytes: 128),
            Throws.TypeOf<KernelFaultException>().With.Message.Contains("the kernel's shared struct has 256 bytes, the launch gives 128"));

    [Test]
    public void Arguments_of_another_size_are_seen() =>
        Assert.That(
            () => Runner.Launch(Instance("correct"), new LaunchShape(1, 1, 1, Count, SharedBytes), new byte[16], "layer 3"),
            Throws.TypeOf<KernelFaultException>().With.Message.Contains("16 bytes of arguments, the kernel takes 24").And.Message.Contains("node layer 3"));

    [Test]
    public void A_correct_kernel_passes_and_the_process_goes_on()
    {
        for (var i = 0; i < 3; i++)
        {
            Assert.That(() => Launch("store_past_buffer"), Throws.TypeOf<KernelFaultException>());
            var output = Launch("correct");
            // 1..64: a neighbour's value and the sum of the warp's.
            for (var t = 0; t < Count; t++)
                Assert.That(output[t], Is.EqualTo((t + 33) % 64 + 1 + (t < 32 ? 528 : 1552)));
        }
    }

    [Test]
    public void The_runtime_keeps_its_own_faults()
    {
        Launch("correct");
        string? nothing = null;
        Assert.That(() => nothing!.Length, Throws.TypeOf<NullReferenceException>());
        var zero = TestContext.CurrentContext.Random.Next(1);
        Assert.That(() => 1 / zero, Throws.TypeOf<DivideByZeroException>());
    }

    [TestCase("store_past_buffer", "AddressSanitizer: heap-buffer-overflow", "store_past_buffer: block (0,0,0): thread 63:", "store_past_buffer.cu:9")]
    [TestCase("load_past_buffer", "AddressSanitizer: heap-buffer-overflow", "load_past_buffer: block (0,0,0): thread 63:", "load_past_buffer.cu:8")]
    [TestCase("store_past_shared", "AddressSanitizer: use-after-poison", "store_past_shared: block (0,0,0): thread 63:", "store_past_shared.cu:8")]
    [TestCase("misaligned_vector", "misaligned address", "misaligned_vector.cu:8")]
    public void The_sanitizer_names_kernel_and_line(string name, params string[] expected)
    {
        using var buffers = new Buffers();
        var message = Assert.Throws<KernelFaultException>(() => LaunchSanitized(name, buffers))!.Message;
        foreach (var part in expected)
            Assert.That(message, Does.Contain(part));
    }

    [Test]
    public void The_sanitizer_passes_a_correct_kernel()
    {
        using var buffers = new Buffers();
        LaunchSanitized("correct", buffers);
    }

    private static float[] Launch(string name, int sharedBytes = SharedBytes, int blocks = 1, HostRunner? runner = null)
    {
        using var buffers = new Buffers();
        var shape = new LaunchShape(blocks, 1, 1, Count, sharedBytes);
        (runner ?? Runner).LaunchChecked(Instance(name), shape, HostRunner.Bytes(buffers.Args), buffers.Out, buffers.In);
        return buffers.Out.As<float>().ToArray();
    }

    private static void LaunchSanitized(string name, Buffers buffers) =>
        SanitizedRunner.Launch("faults", Instance(name),
            new LaunchShape(1, 1, 1, Count, SharedBytes), HostRunner.Bytes(buffers.Args), buffers.Out, buffers.In);

    private static KernelInstance Instance(string name) => new(name, $"{name}.cu", []);

    private sealed class Buffers : IDisposable
    {
        public HostBuffer Out { get; } = HostBuffer.Output<float>("out", Count);

        public HostBuffer In { get; } = HostBuffer.Input<float>("in", [.. Enumerable.Range(1, Count).Select(i => (float)i)]);

        public FaultArgs Args => new() { Out = Out.Address, In = In.Address, Count = Count };

        public void Dispose()
        {
            Out.Dispose();
            In.Dispose();
        }
    }
}
