using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;

namespace Tuna2.Engine.Cpu;

/// <summary>
/// A fixed crew of threads for kernels that last microseconds: workers spin briefly before they sleep, items are handed out by
/// a counter, the calling thread works too. No result may depend on which thread runs an item, nor on how many there are.
/// A second session that finds the crew busy, and an item that asks for the crew it runs on, does its work alone instead of
/// waiting.
/// </summary>
internal sealed class CpuThreads : IDisposable
{
    private const int SpinsBeforeSleep = 2000;

    /// <summary>Bytes of working memory an item may ask for: what fits a second-level cache.</summary>
    public const int ScratchBytes = 512 * 1024;

    private readonly SemaphoreSlim _wake = new(0);
    private readonly Thread[] _workers;
    private readonly ConcurrentBag<CpuBuffer> _scratch = [];
    private readonly List<CpuBuffer> _shared = [];
    private Job? _job;
    private int _busy;
    private int _posted;
    private int _sleeping;
    private volatile bool _stopped;

    private sealed class Job(int number, int count, Action<int> body)
    {
        public readonly int Number = number;
        public readonly int Count = count;
        public readonly Action<int> Body = body;
        public int Next;
        public int Left = count;
        public ExceptionDispatchInfo? Error;
    }

    public CpuThreads(int threads)
    {
        Count = threads;
        _workers = new Thread[threads - 1];
        for (var i = 0; i < _workers.Length; i++)
        {
            _workers[i] = new Thread(Work) { IsBackground = true, Name = $"tuna2 cpu {i + 1}" };
            _workers[i].Start();
        }
    }

    /// <summary>Threads that work, the caller's included.</summary>
    public int Count { get; }

    /// <summary>
    /// Calls <paramref name="body"/> for every item below <paramref name="count"/>, in any order, and returns when all are done.
    /// The first exception an item throws is thrown here; items not begun by then are left out.
    /// </summary>
    public void For(int count, Action<int> body)
    {
        ObjectDisposedException.ThrowIf(_stopped, this);
        if (count <= 1 || _workers.Length == 0 || Interlocked.CompareExchange(ref _busy, 1, 0) != 0)
        {
            for (var i = 0; i < count; i++)
                body(i);
            return;
        }
        try
        {
            var job = new Job(++_posted, count, body);
            Volatile.Write(ref _job, job);
            Interlocked.MemoryBarrier(); // the job must be visible before sleepers are counted, or one could miss both
            var asleep = Volatile.Read(ref _sleeping);
            if (asleep > 0)
                _wake.Release(Math.Min(asleep, count - 1));
            Take(job);
            var spin = new SpinWait();
            while (Volatile.Read(ref job.Left) > 0)
                spin.SpinOnce(sleep1Threshold: -1);
            Volatile.Write(ref _job, null);
            job.Error?.Throw();
        }
        finally
        {
            Volatile.Write(ref _busy, 0);
        }
    }

    /// <summary>Working memory of <see cref="ScratchBytes"/> for one item; give it back with <see cref="Return"/>.</summary>
    public CpuBuffer Rent() => _scratch.TryTake(out var buffer) ? buffer : new CpuBuffer(ScratchBytes, "kernel scratch");

    /// <summary>Takes back what <see cref="Rent"/> gave.</summary>
    public void Return(CpuBuffer scratch) => _scratch.Add(scratch);

    /// <summary>Working memory of at least <paramref name="bytes"/> for all items of a kernel; give it back with <see cref="ReturnShared"/>.</summary>
    public CpuBuffer RentShared(long bytes)
    {
        lock (_shared)
        {
            // The smallest that is large enough, else the largest gives way: what sessions that ran side by side left is neither freed nor
            // made again, whichever of it a product comes upon first.
            CpuBuffer? fits = null, largest = null;
            foreach (var buffer in _shared)
            {
                if (buffer.Bytes >= bytes && (fits is null || buffer.Bytes < fits.Bytes))
                    fits = buffer;
                if (largest is null || buffer.Bytes > largest.Bytes)
                    largest = buffer;
            }
            if ((fits ?? largest) is { } taken)
                _shared.Remove(taken);
            if (fits is not null)
                return fits;
            largest?.Dispose();
        }
        return new CpuBuffer(bytes, "kernel scratch");
    }

    /// <summary>Takes back what <see cref="RentShared"/> gave.</summary>
    public void ReturnShared(CpuBuffer scratch)
    {
        lock (_shared)
            _shared.Add(scratch);
    }

    public void Dispose()
    {
        if (_stopped)
            return;
        _stopped = true;
        _wake.Release(Math.Max(1, _workers.Length));
        foreach (var worker in _workers)
            worker.Join();
        _wake.Dispose();
        foreach (var buffer in _scratch.Concat(_shared))
            buffer.Dispose();
    }

    private static void Take(Job job)
    {
        int i;
        while ((i = Interlocked.Increment(ref job.Next) - 1) < job.Count)
        {
            try
            {
                if (Volatile.Read(ref job.Error) is null)
                    job.Body(i);
            }
            catch (Exception e)
            {
                Interlocked.CompareExchange(ref job.Error, ExceptionDispatchInfo.Capture(e), null);
            }
            Interlocked.Decrement(ref job.Left);
        }
    }

    private void Work()
    {
        var last = 0; // a number, not the job: that would keep alive what its body refers to
        var spins = 0;
        while (!_stopped)
        {
            var job = Volatile.Read(ref _job);
            if (job is not null && job.Number != last)
            {
                last = job.Number;
                Take(job);
                spins = 0;
            }
            else if (++spins < SpinsBeforeSleep)
            {
                Thread.SpinWait(20);
            }
            else
            {
                // A job posted between the check above and the count below is seen by the second check, or posts a wake-up.
                Interlocked.Increment(ref _sleeping);
                if (Volatile.Read(ref _job) is null or { Left: 0 } && !_stopped)
                    _wake.Wait(TimeSpan.FromMilliseconds(100));
                Interlocked.Decrement(ref _sleeping);
                spins = 0;
            }
        }
    }
}
