using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Cuda;

/// <summary>
/// A device's memory as ops use it. Copies take their turn on the stream: they see what was launched before them, and are done
/// when they return.
/// </summary>
/// <param name="stream">Where copies are queued.</param>
internal sealed unsafe class CudaMemory(CudaStream stream) : IDeviceMemory
{
    private CudaContext Context => stream.Context;

    /// <inheritdoc/>
    public IAddressable Allocate(long bytes, string what) => new CudaBuffer(Context, bytes, what);

    /// <inheritdoc/>
    public void Upload(ReadOnlySpan<byte> source, IDeviceBuffer destination, long offset)
    {
        var buffer = (CudaBuffer)destination;
        var address = buffer.Part(offset, source.Length);
        if (source.IsEmpty)
            return;
        using var _ = Context.Enter();
        fixed (byte* from = source)
        {
            Context.Check(Context.Api.cuMemcpyHtoDAsync_v2(address, from, (nuint)source.Length, stream.Handle), buffer.What);
            Context.Check(Context.Api.cuStreamSynchronize(stream.Handle));
        }
    }

    /// <inheritdoc/>
    public void Download(IDeviceBuffer source, long offset, Span<byte> destination)
    {
        var buffer = (CudaBuffer)source;
        var address = buffer.Part(offset, destination.Length);
        if (destination.IsEmpty)
            return;
        using var _ = Context.Enter();
        fixed (byte* to = destination)
        {
            Context.Check(Context.Api.cuMemcpyDtoHAsync_v2(to, address, (nuint)destination.Length, stream.Handle), buffer.What);
            Context.Check(Context.Api.cuStreamSynchronize(stream.Handle));
        }
    }

    /// <summary>Queues writing a byte all over a buffer.</summary>
    public void Fill(CudaBuffer buffer, byte value)
    {
        using var _ = Context.Enter();
        Context.Check(Context.Api.cuMemsetD8Async(buffer.Address, value, (nuint)buffer.Bytes, stream.Handle), buffer.What);
    }

    /// <summary>Queues a copy from one place of the device to another; within a buffer the two must not overlap.</summary>
    public void Copy(CudaBuffer source, long sourceOffset, CudaBuffer destination, long destinationOffset, long bytes)
    {
        ulong from = source.Part(sourceOffset, bytes), to = destination.Part(destinationOffset, bytes);
        using var _ = Context.Enter();
        Context.Check(Context.Api.cuMemcpyDtoDAsync_v2(to, from, (nuint)bytes, stream.Handle), destination.What);
    }
}
