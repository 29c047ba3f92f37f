using Tuna2.Engine.Cuda;
using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Tests.Native;

/// <summary>The host runner's memory as a device's: every buffer with guarded ends, poisoned until it is written.</summary>
internal sealed class HostDeviceMemory : IDeviceMemory
{
    public IAddressable Allocate(long bytes, string what) => new Buffer(HostBuffer.Output<byte>(what, checked((int)bytes)));

    public void Upload(ReadOnlySpan<byte> source, IDeviceBuffer destination, long offset) =>
        source.CopyTo(((Buffer)destination).Memory.As<byte>()[(int)offset..]);

    public void Download(IDeviceBuffer source, long offset, Span<byte> destination) =>
        ((Buffer)source).Memory.As<byte>().Slice((int)offset, destination.Length).CopyTo(destination);

    public void Copy(IDeviceBuffer source, long sourceOffset, IDeviceBuffer destination, long destinationOffset, long bytes) =>
        ((Buffer)source).Memory.As<byte>().Slice((int)sourceOffset, (int)bytes).CopyTo(((Buffer)destination).Memory.As<byte>()[(int)destinationOffset..]);

    private sealed class Buffer(HostBuffer memory) : IAddressable
    {
        public HostBuffer Memory { get; } = memory;

        public long Bytes => Memory.Bytes;

        public ulong Address => Memory.Address;

        public void Dispose()
        {
            var overrun = Memory.Overrun();
            Memory.Dispose();
            if (overrun is not null)
                throw new KernelFaultException(overrun);
        }
    }
}
