using System.Numerics;
using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Cuda;

/// <summary>
/// Cosines and sines of rotary embeddings in device memory, position by position: made once for as many positions as were
/// ever asked for, so that no kernel computes one.
/// </summary>
internal sealed class RotaryTables(IDeviceMemory memory) : IDisposable
{
    private const int LeastPositions = 256;

    private readonly Lock _lock = new();
    private readonly Dictionary<float[], (IAddressable Buffer, int Positions)> _tables = [];
    private readonly List<IAddressable> _outgrown = [];

    /// <summary>(positions, pairs) of (cosine, sine) for at least <paramref name="positions"/> positions.</summary>
    public ulong Of(float[] frequencies, int positions)
    {
        lock (_lock)
        {
            if (_tables.TryGetValue(frequencies, out var table) && table.Positions >= positions)
                return table.Buffer.Address;
            var count = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(positions, LeastPositions));
            var values = new float[2 * count * frequencies.Length];
            for (var position = 0; position < count; position++)
                for (var i = 0; i < frequencies.Length; i++)
                {
                    var at = 2 * (position * frequencies.Length + i);
                    (values[at + 1], values[at]) = MathF.SinCos(position * frequencies[i]);
                }
            var larger = KernelBackend.Upload<float>(memory, values, "rotary table");
            // Captured launches may still read the smaller table: it stays until the backend goes.
            if (table.Buffer is not null)
                _outgrown.Add(table.Buffer);
            _tables[frequencies] = (larger, count);
            return larger.Address;
        }
    }

    public void Dispose()
    {
        foreach (var (buffer, _) in _tables.Values)
            buffer.Dispose();
        _outgrown.ForEach(buffer => buffer.Dispose());
    }
}
