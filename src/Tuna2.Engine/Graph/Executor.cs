namespace Tuna2.Engine.Graph;

/// <summary>
/// Runs a planned graph on a backend: orders nothing, decides nothing, only launches. States and the arena belong to the
/// <see cref="StateStore"/> of the session; what another graph of the session runs is over before this one does.
/// </summary>
public sealed class Executor : IMemoryMap
{
    private readonly IBackend _backend;
    private readonly StateStore _states;

    /// <summary>Plans the graph and has the arena made large enough for it.</summary>
    public Executor(ModelGraph graph, IBackend backend, StateStore states)
    {
        Plan = new Plan(graph, backend.ActivationBytes);
        _backend = backend;
        _states = states;
        states.Reserve(Plan);
    }

    /// <summary>Where everything lies.</summary>
    public Plan Plan { get; }

    /// <summary>Runs every op in order; cancellation is seen between ops.</summary>
    public void Run(Batch batch, CancellationToken cancellation)
    {
        Plan.Graph.SetCounts(batch);
        using var bound = _backend.Bind(batch);
        foreach (var op in Plan.Graph.Ops)
        {
            cancellation.ThrowIfCancellationRequested();
            _backend.Run(op, bound, this);
        }
    }

    /// <summary>The contents of a kept value after a run, until a graph of the session runs again: its actual rows.</summary>
    public float[] Read(Value value)
    {
        var data = new float[(long)value.Rows.Value * value.Columns];
        Read(value, data);
        return data;
    }

    /// <summary>As <see cref="Read(Value)"/>, into memory that is there: the first elements of the value.</summary>
    public void Read(Value value, Span<float> data)
    {
        var (buffer, offset) = Locate(value);
        ValueTransfer.Download(_backend, value, buffer, offset, data);
    }

    /// <inheritdoc/>
    public (IDeviceBuffer Buffer, long Offset) Locate(Value value) => value.Storage == Storage.Transient
        ? (_states.Arena, Plan.OffsetOf(value))
        : (_states.BufferOf(value), 0);
}
