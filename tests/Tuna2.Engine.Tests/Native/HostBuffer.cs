using System.Runtime.InteropServices;

namespace Tuna2.Engine.Tests.Native;

/// <summary>What a kernel may do with a buffer.</summary>
internal enum BufferUse
{
    /// <summary>Read only: it must be the same after the launch.</summary>
    Input,

    /// <summary>Written in full: it begins as poison.</summary>
    Output,

    /// <summary>Read and written.</summary>
    Updated,
}

/// <summary>A kernel's global memory on the host: a byte past its end ends the launch with an error.</summary>
internal sealed unsafe class HostBuffer : IDisposable
{
    private byte* _memory;

    private HostBuffer(string name, BufferUse use, int bytes)
    {
        (Name, Use, Bytes) = (name, use, bytes);
        _memory = HostMemory.Allocate((nuint)bytes);
        if (_memory is null)
            throw new InsufficientMemoryException($"no memory for the {bytes} bytes of {name}");
    }

    /// <summary>Its name in messages: the argument it is passed as.</summary>
    public string Name { get; }

    public BufferUse Use { get; }

    public int Bytes { get; }

    /// <summary>What goes into the kernel's argument.</summary>
    public ulong Address => (ulong)_memory;

    public static HostBuffer Input<T>(string name, ReadOnlySpan<T> values) where T : unmanaged => Of(name, BufferUse.Input, values);

    public static HostBuffer Updated<T>(string name, ReadOnlySpan<T> values) where T : unmanaged => Of(name, BufferUse.Updated, values);

    public static HostBuffer Output<T>(string name, int count) where T : unmanaged
    {
        var buffer = new HostBuffer(name, BufferUse.Output, count * sizeof(T));
        buffer.Poison(0);
        return buffer;
    }

    /// <summary>A second one with the same contents; an output is poisoned anew.</summary>
    public HostBuffer Copy(int poison)
    {
        var copy = new HostBuffer(Name, Use, Bytes);
        if (Use == BufferUse.Output)
            copy.Poison(poison);
        else
            As<byte>().CopyTo(copy.As<byte>());
        return copy;
    }

    public Span<T> As<T>() where T : unmanaged => MemoryMarshal.Cast<byte, T>(new Span<byte>(_memory, Bytes));

    /// <summary>Whether it holds these values, bit by bit.</summary>
    public bool Holds<T>(ReadOnlySpan<T> values) where T : unmanaged => As<byte>().SequenceEqual(MemoryMarshal.AsBytes(values));

    /// <summary>What was written outside it, or null.</summary>
    public string? Overrun() => HostMemory.Verify(_memory) is { } error ? $"{Name}: {error}" : null;

    public void Dispose()
    {
        if (_memory is not null)
            HostMemory.Free(_memory);
        _memory = null;
    }

    private void Poison(int pattern) => HostMemory.Poison(_memory, (nuint)Bytes, pattern);

    private static HostBuffer Of<T>(string name, BufferUse use, ReadOnlySpan<T> values) where T : unmanaged
    {
        var buffer = new HostBuffer(name, use, values.Length * sizeof(T));
        values.CopyTo(buffer.As<T>());
        return buffer;
    }
}
