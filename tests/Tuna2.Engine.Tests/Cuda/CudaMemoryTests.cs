using NUnit.Framework;
using Tuna2.Engine.Cuda;

namespace Tuna2.Engine.Tests.Cuda;

public class CudaMemoryTests
{
    [Test]
    public void What_goes_up_comes_down()
    {
        using var fake = new FakeDriver();
        using var gpu = new FakeGpu(fake);
        using var buffer = gpu.Memory.Allocate(100, "numbers");
        gpu.Memory.Upload([1, 2, 3, 4], buffer, 96);
        var back = new byte[3];
        gpu.Memory.Download(buffer, 97, back);
        Assert.That(back, Is.EqualTo(new byte[] { 2, 3, 4 }));

        using var other = new CudaBuffer(gpu.Context, 100, "copy");
        gpu.Memory.Fill(other, 7);
        gpu.Memory.Copy((CudaBuffer)buffer, 97, other, 0, 2);
        gpu.Memory.Download(other, 0, back);
        Assert.That(back, Is.EqualTo(new byte[] { 2, 3, 7 }));
        Assert.That(fake.Depth, Is.Zero, "no context is left current");
    }

    [TestCase(97)]
    [TestCase(-1)]
    [TestCase(long.MaxValue)]
    public void A_copy_beyond_a_buffer_never_reaches_the_driver(long offset)
    {
        using var fake = new FakeDriver();
        using var gpu = new FakeGpu(fake);
        using var buffer = gpu.Memory.Allocate(100, "numbers");
        Assert.That(() => gpu.Memory.Upload([1, 2, 3, 4], buffer, offset), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("numbers"));
        Assert.That(() => gpu.Memory.Download(buffer, offset, new byte[4]), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(fake.Calls, Has.None.Contains("Memcpy"));
    }

    [Test]
    public void Running_out_says_what_for_and_how_much_is_left_and_loses_nothing()
    {
        using var fake = new FakeDriver();
        fake.SetMemory(1 << 20);
        using var gpu = new FakeGpu(fake);
        using (gpu.Memory.Allocate(1 << 19, "weights"))
            Assert.That(() => gpu.Memory.Allocate(3L << 30, "K and V"), Throws.TypeOf<DeviceException>().With.Message.EqualTo(
                "cuda:0: CUDA_ERROR_OUT_OF_MEMORY (2, out of memory) in cuMemAlloc, allocating 3.0 GiB for K and V; 512.0 KiB of 1.0 MiB are free"));
        using var again = gpu.Memory.Allocate(1 << 20, "all of it");
        Assert.That(gpu.Context.FreeMemory, Is.Zero);
    }

    [Test]
    public void A_buffer_of_nothing_has_an_address()
    {
        using var fake = new FakeDriver();
        using var gpu = new FakeGpu(fake);
        using var buffer = gpu.Memory.Allocate(0, "nothing");
        Assert.That(buffer.Address, Is.Not.Zero);
        gpu.Memory.Upload([], buffer, 0);
    }

    [Test]
    public void Pinned_memory_is_plain_memory_until_it_is_freed()
    {
        using var fake = new FakeDriver();
        using var gpu = new FakeGpu(fake);
        var pinned = new PinnedBuffer(gpu.Context, 64, "staging");
        pinned.Span.Fill(9);
        Assert.That(pinned.Span.ToArray(), Is.All.EqualTo(9));
        pinned.Dispose();
        pinned.Dispose();
        Assert.That(() => pinned.Span.Length, Throws.TypeOf<ObjectDisposedException>());
    }
}
