using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Cuda;

/// <summary>Bytes to the device through two pieces of pinned memory: one is filled while the other is under way.</summary>
internal sealed class CudaUploader(CudaQueue queue, CudaMemory memory) : IUploader
{
    private StagingBuffer? _filling;

    /// <inheritdoc/>
    public Span<byte> NextPiece() => (_filling ??= queue.Rent()).Span;

    /// <inheritdoc/>
    public void Send(int bytes, IDeviceBuffer destination, long offset)
    {
        var staging = _filling ?? throw new InvalidOperationException("nothing was filled");
        _filling = null;
        try
        {
            memory.Send(staging, bytes, destination, offset);
        }
        catch
        {
            queue.Discard(staging);
            throw;
        }
        queue.Return(staging);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_filling is { } staging)
            queue.Return(staging);
        _filling = null;
    }
}
