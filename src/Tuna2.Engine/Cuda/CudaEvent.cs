using Tuna2.Engine.Interop;

namespace Tuna2.Engine.Cuda;

/// <summary>A mark in a stream that can be waited for, and timed against another.</summary>
internal sealed unsafe class CudaEvent : IDisposable
{
    private readonly CudaContext _context;
    private nint _handle;

    /// <param name="context">Where it lives.</param>
    /// <param name="timed">Whether it is for times, which costs a little.</param>
    public CudaEvent(CudaContext context, bool timed = false)
    {
        _context = context;
        using var _ = context.Enter();
        nint handle;
        context.Check(context.Api.cuEventCreate(&handle, timed ? 0 : Libcuda.CU_EVENT_DISABLE_TIMING));
        _handle = handle;
        context.AddReference();
    }

    private nint Handle
    {
        get
        {
            ObjectDisposedException.ThrowIf(_handle == 0, this);
            return _handle;
        }
    }

    /// <summary>Sets the mark behind what the stream has queued.</summary>
    public void Record(CudaStream stream)
    {
        using var _ = _context.Enter();
        _context.Check(_context.Api.cuEventRecord(Handle, stream.Handle));
    }

    /// <summary>Waits until the stream has reached the mark.</summary>
    public void Synchronize()
    {
        using var _ = _context.Enter();
        _context.Check(_context.Api.cuEventSynchronize(Handle));
    }

    /// <summary>Milliseconds on the device since another event; both timed, both reached.</summary>
    public float MillisecondsSince(CudaEvent start)
    {
        using var _ = _context.Enter();
        float milliseconds;
        _context.Check(_context.Api.cuEventElapsedTime(&milliseconds, start.Handle, Handle));
        return milliseconds;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _handle, 0) is not (var handle and not 0))
            return;
        using (var scope = _context.EnterToFree())
            if (scope.IsCurrent)
                _context.Note(_context.Api.cuEventDestroy_v2(handle));
        _context.Release();
    }
}
