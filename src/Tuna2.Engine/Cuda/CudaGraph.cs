using Tuna2.Engine.Interop;

namespace Tuna2.Engine.Cuda;

/// <summary>Launches that were recorded once and are queued again with one call.</summary>
internal sealed unsafe class CudaGraph : IDisposable
{
    private readonly CudaContext _context;
    private readonly LaunchSite _site;
    private nint _exec;

    private CudaGraph(CudaContext context, nint exec, string name)
    {
        _context = context;
        _exec = exec;
        _site = new(null, default, $"the captured {name}");
        context.AddReference();
    }

    /// <summary>
    /// Records what <paramref name="queue"/> queues on the stream, and runs nothing of it. Kernels must be loaded and memory taken
    /// before: neither is allowed meanwhile.
    /// </summary>
    /// <param name="stream">The stream; the caller's alone until this returns.</param>
    /// <param name="name">What it does, for errors: "step of 2 sequences".</param>
    /// <param name="queue">Queues the launches.</param>
    /// <exception cref="DeviceException">The driver refuses; the stream captures no longer.</exception>
    public static CudaGraph Capture(CudaStream stream, string name, Action queue)
    {
        var context = stream.Context;
        using var _ = context.Enter();
        nint graph, exec;
        context.Check(context.Api.cuStreamBeginCapture_v2(stream.Handle, Libcuda.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL), $"capturing the {name}");
        try
        {
            stream.IsCapturing = true;
            queue();
        }
        catch
        {
            // Whatever was recorded goes; the error that stopped it is the one to tell.
            if (context.Api.cuStreamEndCapture(stream.Handle, &graph) == CUresult.CUDA_SUCCESS && graph != 0)
                context.Note(context.Api.cuGraphDestroy(graph));
            throw;
        }
        finally
        {
            stream.IsCapturing = false;
        }
        context.Check(context.Api.cuStreamEndCapture(stream.Handle, &graph), $"capturing the {name}");
        var result = context.Api.cuGraphInstantiateWithFlags(&exec, graph, 0);
        context.Note(context.Api.cuGraphDestroy(graph));
        context.Check(result, $"capturing the {name}", nameof(Libcuda.cuGraphInstantiateWithFlags));
        return new(context, exec, name);
    }

    /// <summary>Queues all of it on a stream.</summary>
    public void Launch(CudaStream stream)
    {
        ObjectDisposedException.ThrowIf(_exec == 0, this);
        using var _ = _context.Enter();
        _context.Check(_context.Api.cuGraphLaunch(_exec, stream.Handle), _site);
        _context.LastLaunch = _site;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _exec, 0) is not (var exec and not 0))
            return;
        using (var scope = _context.EnterToFree())
            if (scope.IsCurrent)
                _context.Note(_context.Api.cuGraphExecDestroy(exec));
        _context.Release();
    }
}
