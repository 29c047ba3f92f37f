using System.Runtime.InteropServices;
using Tuna2.Bench.Cases;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Kernels;

namespace Tuna2.Bench;

/// <summary>The first set of a case's buffers: laid out at an arena's begin and filled.</summary>
internal sealed class DeviceSet(CudaMemory memory, CudaBuffer arena, ITensorMaps tensorMaps) : ICaseMemory
{
    private const int ChunkBytes = 16 << 20;

    private readonly SetLayout _layout = new(arena.Address);
    private readonly Random _random = new(1);
    private readonly byte[] _chunk = new byte[ChunkBytes];
    private readonly List<(ulong Address, ElementType Element, long Count)> _results = [];

    /// <inheritdoc/>
    public ulong Random(ElementType element, long count)
    {
        var address = _layout.Random(element, count);
        Fill(address, element, count);
        return address;
    }

    /// <inheritdoc/>
    public ulong Output(ElementType element, long count)
    {
        var address = _layout.Output(element, count);
        _results.Add((address, element, count));
        return address;
    }

    /// <inheritdoc/>
    public ulong Updated(ElementType element, long count)
    {
        var address = _layout.Updated(element, count);
        Fill(address, element, count);
        _results.Add((address, element, count));
        return address;
    }

    /// <inheritdoc/>
    public ulong Table<T>(params ReadOnlySpan<T> values) where T : unmanaged
    {
        var address = _layout.Table(values);
        memory.Upload(MemoryMarshal.AsBytes(values), arena, Offset(address));
        return address;
    }

    /// <inheritdoc/>
    public ITensorMaps TensorMaps => tensorMaps;

    /// <summary>Whether everything the kernel wrote is a number.</summary>
    public bool IsFinite()
    {
        foreach (var (address, element, count) in _results)
            for (long done = 0, bytes = count * element.Size(); done < bytes; done += ChunkBytes)
            {
                var part = _chunk.AsSpan(0, (int)Math.Min(ChunkBytes, bytes - done));
                memory.Download(arena, Offset(address) + done, part);
                if (element == ElementType.F32 ? HasNonFiniteF32(part) : HasNonFiniteBF16(part))
                    return false;
            }
        return true;
    }

    private static bool HasNonFiniteF32(ReadOnlySpan<byte> bytes)
    {
        foreach (var value in MemoryMarshal.Cast<byte, float>(bytes))
            if (!float.IsFinite(value))
                return true;
        return false;
    }

    private static bool HasNonFiniteBF16(ReadOnlySpan<byte> bytes)
    {
        foreach (var bits in MemoryMarshal.Cast<byte, ushort>(bytes))
            if ((bits & 0x7F80) == 0x7F80)
                return true;
        return false;
    }

    private void Fill(ulong address, ElementType element, long count)
    {
        // A chunk of random numbers over and over: long enough not to compress, quick enough for a gigabyte.
        var bytes = count * element.Size();
        var chunk = _chunk.AsSpan(0, (int)Math.Min(ChunkBytes, bytes));
        if (element == ElementType.F32)
            foreach (ref var value in MemoryMarshal.Cast<byte, float>(chunk))
                value = 2 * _random.NextSingle() - 1;
        else
            foreach (ref var value in MemoryMarshal.Cast<byte, ushort>(chunk))
                value = (ushort)(BitConverter.SingleToUInt32Bits(2 * _random.NextSingle() - 1) >> 16);
        for (long done = 0; done < bytes; done += ChunkBytes)
            memory.Upload(chunk[..(int)Math.Min(chunk.Length, bytes - done)], arena, Offset(address) + done);
    }

    private long Offset(ulong address) => (long)(address - arena.Address);
}
