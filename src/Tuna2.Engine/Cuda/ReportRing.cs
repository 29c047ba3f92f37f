using System.Runtime.InteropServices;
using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Cuda;

/// <summary>
/// Words that runs of a schedule leave for the host, each copied behind its run into a place of its own: one is read while the next
/// run is under way.
/// </summary>
/// <param name="queue">Where runs are queued.</param>
/// <param name="source">Where a run leaves its word.</param>
/// <param name="offset">Its byte offset there.</param>
/// <param name="places">Runs that may be under way.</param>
internal sealed unsafe class ReportRing(CudaQueue queue, IDeviceBuffer source, long offset, int places) : IDisposable
{
    private readonly PinnedBuffer _words = new(queue.Context, places * sizeof(int), "reports");

    /// <summary>Queues the copy behind a run; within a turn, before the run's mark is set.</summary>
    public void Copy(int run)
    {
        var buffer = (CudaBuffer)source;
        var context = queue.Context;
        using var _ = context.Enter();
        fixed (int* to = &Words[run % places])
            context.Check(context.Api.cuMemcpyDtoHAsync_v2(to, buffer.Part(offset, sizeof(int)), sizeof(int), queue.Stream.Handle), buffer.What);
    }

    /// <summary>A run's word, once its mark is reached.</summary>
    public int Read(int run) => Words[run % places];

    /// <inheritdoc/>
    public void Dispose() => _words.Dispose();

    private Span<int> Words => MemoryMarshal.Cast<byte, int>(_words.Span);
}
