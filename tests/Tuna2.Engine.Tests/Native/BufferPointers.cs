using System.Runtime.InteropServices;

namespace Tuna2.Engine.Tests.Native;

/// <summary>The addresses in a kernel's argument: aligned 8-byte words that point into one of its buffers.</summary>
internal static class BufferPointers
{
    /// <summary>Every address: its offset in the argument, the buffer, the byte of it.</summary>
    public static List<(int At, int Buffer, ulong Byte)> In(ReadOnlySpan<byte> arguments, ReadOnlySpan<HostBuffer> buffers)
    {
        var found = new List<(int, int, ulong)>();
        for (var at = 0; at + sizeof(ulong) <= arguments.Length; at += sizeof(ulong))
        {
            var address = MemoryMarshal.Read<ulong>(arguments[at..]);
            for (var i = 0; i < buffers.Length; i++)
                if (address >= buffers[i].Address && address < buffers[i].Address + (ulong)buffers[i].Bytes)
                    found.Add((at, i, address - buffers[i].Address));
        }
        return found;
    }

    /// <summary>The argument with its addresses in the other buffers.</summary>
    public static byte[] Moved(ReadOnlySpan<byte> arguments, ReadOnlySpan<HostBuffer> from, ReadOnlySpan<HostBuffer> to)
    {
        var moved = arguments.ToArray();
        foreach (var (at, buffer, offset) in In(arguments, from))
            MemoryMarshal.Write(moved.AsSpan(at), to[buffer].Address + offset);
        return moved;
    }
}
