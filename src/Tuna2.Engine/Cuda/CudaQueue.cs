using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Cuda;

/// <summary>
/// A device's one stream and who may use it: sessions take turns, step by step, in the order they ask. What is queued in a turn
/// runs after all that was queued before. Holds the pinned memory that copies go through.
/// </summary>
/// <param name="stream">The stream.</param>
internal sealed class CudaQueue(CudaStream stream) : IDisposable
{
    /// <summary>As many as let one be filled while another is under way.</summary>
    private const int StagingBuffers = 2;

    private readonly FairGate _gate = new();
    private readonly Lock _lock = new();
    private readonly Queue<StagingBuffer> _staging = [];
    private int _stagingCount;
    private bool _disposed;

    /// <summary>The stream; to be used within a turn.</summary>
    public CudaStream Stream => stream;

    /// <summary>Where it lives.</summary>
    public CudaContext Context => stream.Context;

    /// <summary>Waits for a turn, which ends with the disposal of what is returned.</summary>
    public FairGate.Turn Enter() => _gate.Enter();

    /// <summary>
    /// Records launches as a graph. They are gone through before: once out of turn, to load kernels and take memory, and once in it,
    /// to run products that never ran.
    /// </summary>
    /// <param name="name">What it does, for errors.</param>
    /// <param name="loader">Loads.</param>
    /// <param name="launcher">Launches on the stream.</param>
    /// <param name="launch">Launches on the launcher it is given.</param>
    public CudaGraph Capture(string name, LoadingLauncher loader, ILauncher launcher, Action<ILauncher> launch)
    {
        launch(loader);
        using var turn = Enter();
        launch(loader.ToWarm());
        return CudaGraph.Capture(stream, name, () => launch(launcher));
    }

    /// <summary>Pinned memory that is free; give it back with <see cref="Return"/>.</summary>
    public StagingBuffer Rent()
    {
        StagingBuffer? buffer = null;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_stagingCount >= StagingBuffers)
                _staging.TryDequeue(out buffer);
            if (buffer is null)
                _stagingCount++;
        }
        try
        {
            if (buffer is null)
                return new(Context);
            buffer.Wait();
            return buffer;
        }
        catch
        {
            Discard(buffer);
            throw;
        }
    }

    /// <summary>Takes back what <see cref="Rent"/> gave; its copy may still be under way.</summary>
    public void Return(StagingBuffer buffer)
    {
        lock (_lock)
        {
            if (!_disposed)
            {
                _staging.Enqueue(buffer);
                return;
            }
        }
        buffer.Dispose();
    }

    /// <summary>Frees what <see cref="Rent"/> gave, when a call failed and its copy may or may not be under way.</summary>
    public void Discard(StagingBuffer? buffer)
    {
        lock (_lock)
            _stagingCount--;
        buffer?.Dispose();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            foreach (var buffer in _staging)
                buffer.Dispose();
            _staging.Clear();
        }
    }
}
