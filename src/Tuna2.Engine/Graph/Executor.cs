namespace Tuna2.Engine.Graph;

/// <summary>
/// Runs a planned graph on a backend: orders nothing, decides nothing, only launches. Holds the arena; states belong to the
/// <see cref="StateStore"/> of the session.
/// </summary>
public sealed class Executor : IMemoryMap, IDisposable
{
    private readonly IBackend _backend;
    private readonly StateStore _states;
    private readonly IDeviceBuffer _arena;

    /// <summary>Plans the graph and takes the arena.</summary>
    /// <exception cref="DeviceException">There is not enough memory for the arena.</exception>
    public Executor(ModelGraph graph, IBackend backend, StateStore states)
    {
        Plan = new Plan(graph, backend.ActivationBytes);
        _backend = backend;
        _states = states;
        _arena = backend.Allocate(Math.Max(Plan.PlannedBytes, Plan.Alignment), "activations");
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

    /// <summary>The contents of a kept value after a run: its actual rows.</summary>
    public float[] Read(Value value)
    {
        var data = new float[(long)value.Rows.Value * value.Columns];
        var (buffer, offset) = Locate(value);
        ValueTransfer.Download(_backend, value, buffer, offset, data);
        return data;
    }

    /// <inheritdoc/>
    public (IDeviceBuffer Buffer, long Offset) Locate(Value value) => value.Storage == Storage.Transient
        ? (_arena, Plan.OffsetOf(value))
        : (_states.BufferOf(value), 0);

    /// <inheritdoc/>
    public void Dispose() => _arena.Dispose();
}
