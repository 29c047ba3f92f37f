using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Cuda;

/// <summary>
/// A device's memory as ops use it. Copies take their turn on the stream and go through pinned memory: those to the device are
/// queued when they return, those from it are done.
/// </summary>
/// <param name="queue">Where copies are queued.</param>
internal sealed unsafe class CudaMemory(CudaQueue queue) : IDeviceMemory
{
    private CudaContext Context => queue.Context;

    /// <inheritdoc/>
    public IAddressable Allocate(long bytes, string what) => new CudaBuffer(Context, bytes, what);

    /// <inheritdoc/>
    public void Upload(ReadOnlySpan<byte> source, IDeviceBuffer destination, long offset)
    {
        ((CudaBuffer)destination).Part(offset, source.Length);
        while (!source.IsEmpty)
        {
            var piece = source[..Math.Min(source.Length, StagingBuffer.Bytes)];
            var staging = queue.Rent();
            try
            {
                piece.CopyTo(staging.Span);
                Send(staging, piece.Length, destination, offset);
            }
            catch
            {
                queue.Discard(staging);
                throw;
            }
            queue.Return(staging);
            source = source[piece.Length..];
            offset += piece.Length;
        }
    }

    /// <inheritdoc/>
    public void Download(IDeviceBuffer source, long offset, Span<byte> destination)
    {
        var buffer = (CudaBuffer)source;
        buffer.Part(offset, destination.Length);
        while (!destination.IsEmpty)
        {
            var piece = destination[..Math.Min(destination.Length, StagingBuffer.Bytes)];
            var address = buffer.Part(offset, piece.Length);
            var staging = queue.Rent();
            try
            {
                using (queue.Enter())
                using (Context.Enter())
                    fixed (byte* to = staging.Span)
                    {
                        Context.Check(Context.Api.cuMemcpyDtoHAsync_v2(to, address, (nuint)piece.Length, queue.Stream.Handle), buffer.What);
                        staging.Sent(queue.Stream);
                    }
                // Out of turn: others may queue what comes behind the copy.
                staging.Wait();
                staging.Span[..piece.Length].CopyTo(piece);
            }
            catch
            {
                queue.Discard(staging);
                throw;
            }
            queue.Return(staging);
            destination = destination[piece.Length..];
            offset += piece.Length;
        }
    }

    /// <summary>Queues the copy of a staging buffer's first bytes.</summary>
    public void Send(StagingBuffer staging, int bytes, IDeviceBuffer destination, long offset)
    {
        var buffer = (CudaBuffer)destination;
        var address = buffer.Part(offset, bytes);
        using var turn = queue.Enter();
        using var _ = Context.Enter();
        fixed (byte* from = staging.Span)
        {
            Context.Check(Context.Api.cuMemcpyHtoDAsync_v2(address, from, (nuint)bytes, queue.Stream.Handle), buffer.What);
            staging.Sent(queue.Stream);
        }
    }

    /// <summary>Queues writing a byte all over a buffer.</summary>
    public void Fill(CudaBuffer buffer, byte value)
    {
        using var turn = queue.Enter();
        using var _ = Context.Enter();
        Context.Check(Context.Api.cuMemsetD8Async(buffer.Address, value, (nuint)buffer.Bytes, queue.Stream.Handle), buffer.What);
    }

    /// <inheritdoc/>
    public void Copy(IDeviceBuffer source, long sourceOffset, IDeviceBuffer destination, long destinationOffset, long bytes)
    {
        var target = (CudaBuffer)destination;
        ulong from = ((CudaBuffer)source).Part(sourceOffset, bytes), to = target.Part(destinationOffset, bytes);
        if (bytes == 0)
            return;
        using var turn = queue.Enter();
        using var _ = Context.Enter();
        Context.Check(Context.Api.cuMemcpyDtoDAsync_v2(to, from, (nuint)bytes, queue.Stream.Handle), target.What);
    }
}
