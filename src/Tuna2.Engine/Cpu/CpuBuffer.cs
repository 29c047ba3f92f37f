using System.Runtime.ConstrainedExecution;
using System.Runtime.InteropServices;
using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Cpu;

/// <summary>
/// Aligned native memory. Freed by Dispose; the finalizer is there for the few large buffers a forgotten Dispose would leak.
/// </summary>
internal sealed unsafe class CpuBuffer : CriticalFinalizerObject, IDeviceBuffer
{
    private static long s_live;

    private nint _memory;

    /// <summary>Bytes of all buffers that are not freed yet, in the whole process: what leak tests watch.</summary>
    public static long Live => Interlocked.Read(ref s_live);

    public CpuBuffer(long bytes, string what)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        Bytes = bytes;
        try
        {
            _memory = (nint)NativeMemory.AlignedAlloc((nuint)Math.Max(bytes, Plan.Alignment), Plan.Alignment);
            Interlocked.Add(ref s_live, bytes);
        }
        catch (OutOfMemoryException)
        {
            throw new DeviceException($"not enough memory: the system does not give {ByteCount.Of(bytes)} for {what}");
        }
    }

    ~CpuBuffer() => Free();

    public long Bytes { get; }

    /// <summary>The first byte; throws when the buffer was disposed.</summary>
    public byte* Pointer
    {
        get
        {
            ObjectDisposedException.ThrowIf(_memory == 0, this);
            return (byte*)_memory;
        }
    }

    /// <summary>Bytes [offset, offset + length) of the buffer.</summary>
    public Span<byte> Slice(long offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Bytes - offset);
        return new Span<byte>(Pointer + offset, length);
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        var memory = Interlocked.Exchange(ref _memory, 0);
        if (memory == 0)
            return;
        NativeMemory.AlignedFree((void*)memory);
        Interlocked.Add(ref s_live, -Bytes);
    }
}
