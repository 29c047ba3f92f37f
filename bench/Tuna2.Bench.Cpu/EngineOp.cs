using System.Runtime.InteropServices;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Graph;

namespace Tuna2.Bench.Cpu;

/// <summary>Memory for one op on the CPU backend.</summary>
internal sealed class EngineOp(CpuBackend backend) : IMemoryMap, IDisposable
{
    private readonly Dictionary<Value, IDeviceBuffer> _values = [];
    private readonly List<IDeviceBuffer> _weights = [];

    /// <summary>A value, filled with data or with zeros.</summary>
    public Value Value(string name, int rows, int columns, float[]? data = null)
    {
        var value = new Value(name, new Extent("rows", rows), columns, Storage.State);
        var buffer = backend.Allocate(value.MaxBytes(sizeof(float)), name);
        _values.Add(value, buffer);
        backend.Upload(MemoryMarshal.AsBytes((data ?? new float[(long)rows * columns]).AsSpan()), buffer, 0);
        return value;
    }

    /// <summary>A bfloat16 weight as the engine keeps it after loading.</summary>
    public Weight Weight(int rows, int columns, ushort[] elements)
    {
        var buffer = backend.Allocate(elements.LongLength * sizeof(ushort), "weight");
        _weights.Add(buffer);
        backend.Upload(MemoryMarshal.AsBytes(elements.AsSpan()), buffer, 0);
        return new Weight(["weight"], rows, columns, Precision.BF16, buffer, 0);
    }

    /// <summary>Runs an op.</summary>
    public void Run(Op op, Batch batch) => backend.Run(op, batch, this);

    /// <summary>The contents of a value.</summary>
    public float[] Read(Value value)
    {
        var data = new float[(long)value.Rows.Max * value.Columns];
        backend.Download(_values[value], 0, MemoryMarshal.AsBytes(data.AsSpan()));
        return data;
    }

    public (IDeviceBuffer Buffer, long Offset) Locate(Value value) => (_values[value], 0);

    public void Dispose()
    {
        foreach (var buffer in _values.Values.Concat(_weights))
            buffer.Dispose();
    }
}
