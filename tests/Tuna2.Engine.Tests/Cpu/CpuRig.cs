using System.Runtime.InteropServices;
using Tuna2.Bench.Cases;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Tests.Cpu;

/// <summary>Memory for one op under test. What nobody filled holds NaN, so an op that reads it shows.</summary>
internal sealed class CpuRig(CpuBackend backend) : IMemoryMap, IDisposable
{
    private readonly Dictionary<Value, IDeviceBuffer> _values = [];
    private readonly List<IDeviceBuffer> _weights = [];

    /// <summary>What runs the op.</summary>
    public CpuBackend Backend { get; } = backend;

    /// <summary>A value filled with data, or with NaN.</summary>
    public Value Value(string name, int rows, int columns, float[]? data = null)
    {
        var value = new Value(name, new Extent("rows", rows), columns, Storage.State);
        Backend.Upload(MemoryMarshal.AsBytes((data ?? [.. Enumerable.Repeat(float.NaN, rows * columns)]).AsSpan()), BufferOf(value), 0);
        return value;
    }

    /// <summary>A weight matrix or, with one column per element and float32, a vector.</summary>
    public Weight Weight(int rows, int columns, Precision precision, float[] data)
    {
        var bytes = precision == Precision.F32
            ? MemoryMarshal.AsBytes(data.AsSpan()).ToArray()
            : MemoryMarshal.AsBytes(Array.ConvertAll(data, x => (ushort)(BitConverter.SingleToUInt32Bits(x) >> 16)).AsSpan()).ToArray();
        var buffer = Backend.Allocate(bytes.Length, "weight");
        _weights.Add(buffer);
        Backend.Upload(bytes, buffer, 0);
        return new Weight(["weight"], rows, columns, precision, buffer, 0);
    }

    /// <summary>A quantized matrix, and the numbers it stands for.</summary>
    public (Weight Weight, float[] Values) Quantized(int rows, int columns, Precision precision, float[] data)
    {
        var operand = QuantizedOperand.Of(precision, data, rows, columns);
        var buffer = Backend.Allocate(operand.Elements.Length + operand.Scales.Length, "weight");
        _weights.Add(buffer);
        Backend.Upload(operand.Elements, buffer, 0);
        Backend.Upload(operand.Scales, buffer, operand.Elements.Length);
        return (new Weight(["weight"], rows, columns, precision, buffer, 0) { Scales = new(buffer, operand.Elements.Length, precision.ScaleColumns(columns)) }, operand.Values);
    }

    /// <summary>A float32 vector.</summary>
    public Weight Vector(float[] data) => Weight(data.Length, 1, Precision.F32, data);

    /// <summary>Runs an op.</summary>
    public void Run(Op op, Batch batch) => Backend.Run(op, batch, this);

    /// <summary>The contents of a value.</summary>
    public float[] Read(Value value)
    {
        var data = new float[value.Rows.Max * value.Columns];
        Backend.Download(BufferOf(value), 0, MemoryMarshal.AsBytes(data.AsSpan()));
        return data;
    }

    public (IDeviceBuffer Buffer, long Offset) Locate(Value value) => (BufferOf(value), 0);

    public void Dispose()
    {
        foreach (var buffer in _values.Values.Concat(_weights))
            buffer.Dispose();
    }

    private IDeviceBuffer BufferOf(Value value)
    {
        if (!_values.TryGetValue(value, out var buffer))
            _values[value] = buffer = Backend.Allocate(value.MaxBytes(sizeof(float)), value.Name);
        return buffer;
    }
}
