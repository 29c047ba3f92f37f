using Tuna2.Engine.Interop;

namespace Tuna2.Engine.Cuda;

/// <summary>A queue of work on a device. One thread at a time.</summary>
internal sealed unsafe class CudaStream : IDisposable
{
    private nint _handle;

    /// <summary>A stream that neither waits for the legacy default stream nor holds it up.</summary>
    public CudaStream(CudaContext context)
    {
        Context = context;
        using var _ = context.Enter();
        nint handle;
        context.Check(context.Api.cuStreamCreate(&handle, Libcuda.CU_STREAM_NON_BLOCKING));
        _handle = handle;
        context.AddReference();
    }

    /// <summary>Where it lives.</summary>
    public CudaContext Context { get; }

    /// <summary>The driver's handle.</summary>
    public nint Handle
    {
        get
        {
            ObjectDisposedException.ThrowIf(_handle == 0, this);
            return _handle;
        }
    }

    /// <summary>Whether what is queued now is recorded and not run.</summary>
    public bool IsCapturing { get; set; }

    /// <summary>Waits until everything queued is done. Faults of kernels surface here.</summary>
    public void Synchronize()
    {
        using var _ = Context.Enter();
        Context.Check(Context.Api.cuStreamSynchronize(Handle));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _handle, 0) is not (var handle and not 0))
            return;
        using (var scope = Context.EnterToFree())
            if (scope.IsCurrent)
                Context.Note(Context.Api.cuStreamDestroy_v2(handle));
        Context.Release();
    }
}
