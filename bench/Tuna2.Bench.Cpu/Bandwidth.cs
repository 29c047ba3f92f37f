using System.Runtime.Intrinsics;
using Tuna2.Engine.Cpu;

namespace Tuna2.Bench.Cpu;

/// <summary>
/// What this machine's memory gives the bench's number of threads: each copies (memcpy) or reads its own share of blocks far
/// larger than the caches. A copy's bytes are those it reads plus those it writes.
/// </summary>
internal sealed unsafe class Bandwidth : IDisposable
{
    private const long MaxBytes = 256L << 20;

    private readonly CpuThreads _threads;
    private readonly CpuBuffer _from = new(MaxBytes, "copy source"), _to = new(MaxBytes, "copy target");

    public Bandwidth(int threads)
    {
        _threads = new CpuThreads(threads);
        new Span<byte>(_from.Pointer, (int)MaxBytes).Fill(1);
        new Span<byte>(_to.Pointer, (int)MaxBytes).Fill(2);
    }

    /// <summary>Moves <paramref name="bytes"/> in all: reads half as many and writes half as many.</summary>
    public void Copy(long bytes) => Share(bytes / 2, (at, length) => Buffer.MemoryCopy(_from.Pointer + at, _to.Pointer + at, length, length));

    /// <summary>Reads <paramref name="bytes"/>.</summary>
    public void Read(long bytes) => Share(bytes, (at, length) =>
    {
        if (CpuElements.SumOfSquares<Simd256, Vector256<float>>((float*)(_from.Pointer + at), (int)(length / sizeof(float))) > 1)
            throw new InvalidOperationException("the source was overwritten");
    });

    public void Dispose()
    {
        _threads.Dispose();
        _from.Dispose();
        _to.Dispose();
    }

    private void Share(long bytes, Action<long, long> body)
    {
        bytes = Math.Min(bytes, MaxBytes);
        var share = bytes / _threads.Count / 64 * 64;
        _threads.For(_threads.Count, i => body(i * share, share));
    }
}
