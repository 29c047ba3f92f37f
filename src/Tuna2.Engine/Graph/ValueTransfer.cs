using System.Runtime.InteropServices;

namespace Tuna2.Engine.Graph;

/// <summary>Values between the host, where they are float32, and a backend, where they may not be.</summary>
internal static class ValueTransfer
{
    /// <summary>Reads elements of a value, widening them.</summary>
    /// <param name="backend">Where the value is.</param>
    /// <param name="value">The value.</param>
    /// <param name="buffer">The memory it lies in.</param>
    /// <param name="offset">Byte offset of the first element to read.</param>
    /// <param name="destination">Gets one float32 per element.</param>
    public static void Download(IBackend backend, Value value, IDeviceBuffer buffer, long offset, Span<float> destination)
    {
        if (value.ElementBytes(backend.ActivationBytes) == sizeof(float))
        {
            backend.Download(buffer, offset, MemoryMarshal.AsBytes(destination));
            return;
        }
        var halves = new ushort[destination.Length];
        backend.Download(buffer, offset, MemoryMarshal.AsBytes(halves.AsSpan()));
        for (var i = 0; i < halves.Length; i++)
            destination[i] = BitConverter.UInt32BitsToSingle((uint)halves[i] << 16);
    }
}
