using NUnit.Framework;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Tests.Cpu;

public unsafe class CpuBufferTests
{
    [TestCase(0)]
    [TestCase(1)]
    [TestCase(4097)]
    public void Memory_is_aligned_and_as_large_as_asked_for(int bytes)
    {
        using var buffer = new CpuBuffer(bytes, "test");
        Assert.Multiple(() =>
        {
            Assert.That((long)buffer.Pointer % Plan.Alignment, Is.Zero);
            Assert.That(buffer.Bytes, Is.EqualTo(bytes));
            Assert.That(buffer.Slice(0, bytes).Length, Is.EqualTo(bytes));
        });
    }

    [TestCase(-1, 1)]
    [TestCase(0, 9)]
    [TestCase(8, 1)]
    [TestCase(long.MaxValue, 1)]
    public void A_slice_that_leaves_the_buffer_is_an_error(long offset, int length)
    {
        using var buffer = new CpuBuffer(8, "test");
        Assert.That(() => buffer.Slice(offset, length).Length, Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void A_disposed_buffer_gives_no_memory_and_may_be_disposed_again()
    {
        var buffer = new CpuBuffer(8, "test");
        buffer.Dispose();
        buffer.Dispose();
        Assert.Multiple(() =>
        {
            Assert.That(() => { _ = buffer.Pointer; }, Throws.TypeOf<ObjectDisposedException>());
            Assert.That(() => buffer.Slice(0, 1).Length, Throws.TypeOf<ObjectDisposedException>());
        });
    }

    [TestCase(long.MaxValue)]
    [TestCase(long.MaxValue / 4)]
    [TestCase(1L << 60)]
    public void Memory_that_cannot_be_had_is_an_error_that_says_what_for(long bytes) =>
        Assert.That(() => new CpuBuffer(bytes, "the weights of the moon"), Throws.TypeOf<DeviceException>().With.Message.Contains("the weights of the moon"));

    [Test]
    public void A_negative_size_is_an_error() => Assert.That(() => new CpuBuffer(-1, "test"), Throws.InstanceOf<ArgumentOutOfRangeException>());
}
