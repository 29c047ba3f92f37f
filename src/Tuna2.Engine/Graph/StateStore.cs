using System.Runtime.InteropServices;

namespace Tuna2.Engine.Graph;

/// <summary>
/// The memory of a session: the values that survive runs, and one arena in which its graphs, which never run at the same time,
/// have their transient ones. Declared first and taken at once, so that what does not fit is known before anything is taken;
/// what is declared later is taken by another <see cref="Take"/>.
/// </summary>
/// <param name="backend">Where the memory is taken.</param>
public sealed class StateStore(IBackend backend) : IDisposable
{
    // Two sessions that ask at the same time must not both be promised the last free bytes.
    private static readonly Lock _asking = new();

    private readonly List<Value> _values = [];
    private readonly List<Executor> _executors = [];
    private readonly Dictionary<Value, IDeviceBuffer> _buffers = [];
    private IDeviceBuffer? _arena;

    /// <summary>Bytes of the states.</summary>
    public long StateBytes => _values.Sum(BytesOf);

    /// <summary>Bytes of the arena: those of the largest plan; 0 while there is none.</summary>
    public long ArenaBytes { get; private set; }

    /// <summary>A new state of <paramref name="rows"/> x <paramref name="columns"/>; its contents are undefined until written.</summary>
    /// <param name="name">The name messages use.</param>
    /// <param name="rows">How many rows.</param>
    /// <param name="columns">Elements of a row.</param>
    /// <param name="element">What its elements are.</param>
    public Value Add(string name, Extent rows, int columns, ValueElement element = ValueElement.Activation)
    {
        var value = new Value(name, rows, columns, Storage.State, element);
        _values.Add(value);
        return value;
    }

    /// <summary>Bytes of a state.</summary>
    public long BytesOf(Value value) => value.MaxBytes(backend.ActivationBytes);

    /// <summary>Bytes that are taken now.</summary>
    public long TakenBytes => _buffers.Values.Sum(buffer => buffer.Bytes) + (_arena?.Bytes ?? 0);

    /// <summary>Makes the arena large enough for one more plan.</summary>
    public void Reserve(Plan plan) => ArenaBytes = Math.Max(ArenaBytes, Math.Max(plan.PlannedBytes, Plan.Alignment));

    /// <summary>Takes an executor that works in this memory: it goes when the memory does.</summary>
    public void Own(Executor executor) => _executors.Add(executor);

    /// <summary>Lets go of an executor, which is disposed here: its graph runs no more.</summary>
    public void Disown(Executor executor)
    {
        if (_executors.Remove(executor))
            executor.Dispose();
    }

    /// <summary>
    /// Takes everything declared that is not taken yet. States keep their contents, the arena does not. When it fails, what this
    /// call took is given back, and what was there before still is.
    /// </summary>
    /// <param name="purpose">What it is for, for messages: "a picture of 512x512".</param>
    /// <param name="remedy">What the user can do when it does not fit: "a smaller picture takes less".</param>
    /// <exception cref="DeviceException">There is not that much memory.</exception>
    public void Take(string purpose, string remedy)
    {
        lock (_asking)
        {
            Value[] declared = [.. _values.Where(value => !_buffers.ContainsKey(value))];
            var needed = declared.Sum(BytesOf) + Math.Max(0, ArenaBytes - (_arena?.Bytes ?? 0));
            if (backend.AvailableBytes is { } available && needed > available)
                throw new DeviceException($"not enough memory for {purpose}: it takes {ByteCount.Of(needed)} beside the model, {ByteCount.Of(available)} can be had; {remedy}");
            try
            {
                foreach (var value in declared)
                    _buffers.Add(value, backend.Allocate(BytesOf(value), value.Name));
                if (ArenaBytes > (_arena?.Bytes ?? 0))
                {
                    _arena?.Dispose();
                    _arena = null;
                    _arena = backend.Allocate(ArenaBytes, "activations");
                }
            }
            catch
            {
                foreach (var value in declared)
                    if (_buffers.Remove(value, out var buffer))
                        buffer.Dispose();
                throw;
            }
        }
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
        try
        {
            Take($"{value.Name} of {rows.Max} rows", "a shorter conversation takes less");
        }
        catch
        {
            Remove(grown);
            throw;
        }
        backend.Copy(BufferOf(value), 0, BufferOf(grown), 0, (long)kept * value.Columns * value.ElementBytes(backend.ActivationBytes));
        Remove(value);
        return grown;
    }

    /// <summary>Frees a state, or forgets one that was declared and not taken.</summary>
    public void Remove(Value value)
    {
        _values.Remove(value);
        if (_buffers.Remove(value, out var buffer))
            buffer.Dispose();
    }

    /// <summary>Frees the arena: the graphs planned so far run no more.</summary>
    public void ReleaseArena()
    {
        _arena?.Dispose();
        _arena = null;
        ArenaBytes = 0;
    }

    /// <summary>The memory of a state.</summary>
    public IDeviceBuffer BufferOf(Value value) => _buffers.TryGetValue(value, out var buffer)
        ? buffer
        : throw new InvalidOperationException(_values.Contains(value) ? $"the memory of {value} is not taken" : $"{value} belongs to another session");

    /// <summary>The memory of transient values.</summary>
    public IDeviceBuffer Arena => _arena ?? throw new InvalidOperationException("the memory of activations is not taken");

    /// <summary>Writes rows of a float32 state from the host.</summary>
    public void Write(Value value, int row, ReadOnlySpan<float> data) => backend.Upload(
        MemoryMarshal.AsBytes(data), BufferOf(value), (long)row * value.Columns * value.ElementBytes(sizeof(float)));

    /// <summary>Reads rows of a state to the host.</summary>
    public void Read(Value value, int row, Span<float> data) =>
        ValueTransfer.Download(backend, value, BufferOf(value), (long)row * value.Columns * value.ElementBytes(backend.ActivationBytes), data);

    /// <summary>Frees everything taken.</summary>
    public void Dispose()
    {
        _executors.ForEach(executor => executor.Dispose());
        foreach (var buffer in _buffers.Values)
            buffer.Dispose();
        _buffers.Clear();
        _arena?.Dispose();
        _arena = null;
    }
}
