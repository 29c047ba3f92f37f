using System.Runtime.InteropServices;

namespace Tuna2.Engine.Graph;

/// <summary>The values of a session that survive runs, and their memory.</summary>
/// <param name="backend">Where the memory is taken.</param>
public sealed class StateStore(IBackend backend) : IDisposable
{
    private readonly Dictionary<Value, IDeviceBuffer> _buffers = [];

    /// <summary>Bytes held.</summary>
    public long Bytes => _buffers.Values.Sum(b => b.Bytes);

    /// <summary>A new state of <paramref name="rows"/> x <paramref name="columns"/>; its contents are undefined until written.</summary>
    /// <param name="name">The name messages use.</param>
    /// <param name="rows">How many rows.</param>
    /// <param name="columns">Elements of a row.</param>
    /// <param name="element">What its elements are.</param>
    /// <exception cref="DeviceException">There is not enough memory.</exception>
    public Value Add(string name, Extent rows, int columns, ValueElement element = ValueElement.Activation)
    {
        var value = new Value(name, rows, columns, Storage.State, element);
        _buffers.Add(value, backend.Allocate(value.MaxBytes(backend.ActivationBytes), name));
        return value;
    }

    /// <summary>
    /// The same state with room for more rows: its first <paramref name="kept"/> rows are copied, the old memory is freed, and
    /// <paramref name="value"/> is no state any more. When there is not enough memory nothing has changed.
    /// </summary>
    /// <exception cref="DeviceException">There is not enough memory for old and new together.</exception>
    public Value Grow(Value value, Extent rows, int kept)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(kept, value.Rows.Max);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(kept, rows.Max);
        var grown = Add(value.Name, rows, value.Columns, value.Element);
        backend.Copy(BufferOf(value), 0, BufferOf(grown), 0, (long)kept * value.Columns * value.ElementBytes(backend.ActivationBytes));
        Remove(value);
        return grown;
    }

    /// <summary>Frees a state.</summary>
    public void Remove(Value value)
    {
        BufferOf(value).Dispose();
        _buffers.Remove(value);
    }

    /// <summary>The memory of a state.</summary>
    public IDeviceBuffer BufferOf(Value value) => _buffers.TryGetValue(value, out var buffer)
        ? buffer
        : throw new InvalidOperationException($"{value} belongs to another session");

    /// <summary>Writes rows of a float32 state from the host.</summary>
    public void Write(Value value, int row, ReadOnlySpan<float> data) => backend.Upload(
        MemoryMarshal.AsBytes(data), BufferOf(value), (long)row * value.Columns * value.ElementBytes(sizeof(float)));

    /// <summary>Reads rows of a state to the host.</summary>
    public void Read(Value value, int row, Span<float> data) =>
        ValueTransfer.Download(backend, value, BufferOf(value), (long)row * value.Columns * value.ElementBytes(backend.ActivationBytes), data);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var buffer in _buffers.Values)
            buffer.Dispose();
        _buffers.Clear();
    }
}
