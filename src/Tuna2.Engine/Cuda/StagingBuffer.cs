namespace Tuna2.Engine.Cuda;

/// <summary>A piece of pinned memory on its way to or from the device, and the mark that says when it has arrived.</summary>
internal sealed class StagingBuffer : IDisposable
{
    /// <summary>Its size: reads of this length keep a disk busy, copies of it a bus.</summary>
    public const int Bytes = 8 << 20;

    private readonly PinnedBuffer _memory;
    private readonly CudaEvent _arrived;
    private bool _under;

    public StagingBuffer(CudaContext context)
    {
        _memory = new(context, Bytes, "staging");
        try
        {
            _arrived = new(context);
        }
        catch
        {
            _memory.Dispose();
            throw;
        }
    }

    /// <summary>The memory.</summary>
    public Span<byte> Span => _memory.Span;

    /// <summary>Sets the mark behind the copy that was queued.</summary>
    public void Sent(CudaStream stream)
    {
        _arrived.Record(stream);
        _under = true;
    }

    /// <summary>Waits until the copy is done; at once when there is none.</summary>
    public void Wait()
    {
        if (!_under)
            return;
        _under = false;
        _arrived.Synchronize();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _arrived.Dispose();
        _memory.Dispose();
    }
}
