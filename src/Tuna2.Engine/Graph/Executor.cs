using System.Runtime.InteropServices;

namespace Tuna2.Engine.Graph;

/// <summary>
/// Runs a planned graph on a backend: orders nothing, decides nothing, only launches. States and the arena belong to the
/// <see cref="StateStore"/> of the session; what another graph of the session runs is over before this one does.
/// </summary>
public sealed class Executor : IMemoryMap, IDisposable
{
    private readonly IBackend _backend;
    private readonly StateStore _states;
    private readonly BatchBounds _bounds;
    private readonly Value? _apart;
    private GraphProgram? _program;

    /// <summary>Plans the graph and has the arena made large enough for it.</summary>
    /// <param name="graph">What runs.</param>
    /// <param name="backend">What runs it.</param>
    /// <param name="states">The states, which own this executor too.</param>
    /// <param name="bounds">What batches hold at most.</param>
    /// <param name="apart">
    /// The name of an arena of its own, a state like others: what was captured there stays when the store's arena goes. Null for the
    /// store's.
    /// </param>
    public Executor(ModelGraph graph, IBackend backend, StateStore states, BatchBounds bounds, string? apart = null)
    {
        ArgumentNullException.ThrowIfNull(states);
        Plan = new Plan(SwiGluFusion.Of(graph, backend), backend.ActivationBytes);
        _backend = backend;
        _states = states;
        _bounds = bounds;
        if (apart is null)
            states.Reserve(Plan);
        else
            _apart = states.Add(apart, new Extent("words", checked((int)(Math.Max(Plan.PlannedBytes, Plan.Alignment) / sizeof(float)))), 1, ValueElement.Float32);
        states.Own(this);
    }

    /// <summary>Where everything lies.</summary>
    public Plan Plan { get; }

    /// <summary>The graph made ready: at its first use, when the memory it works in is taken.</summary>
    private GraphProgram Program => _program ??= _backend.Prepare(Plan, this, _bounds);

    /// <summary>How many runs of a schedule may be under way; 0 where a run is done when the call returns.</summary>
    public int Ahead => Program.Ahead;

    /// <summary>Runs every op in order; cancellation is seen between ops.</summary>
    public void Run(Batch batch, CancellationToken cancellation) => Program.Run(batch, cancellation);

    /// <inheritdoc cref="GraphProgram.Schedule"/>
    public void Schedule(IReadOnlyList<Batch> batches) => Program.Schedule(batches);

    /// <inheritdoc cref="GraphProgram.Restart"/>
    public void Restart() => Program.Restart();

    /// <inheritdoc cref="GraphProgram.RunNext"/>
    public void RunNext(CancellationToken cancellation) => Program.RunNext(cancellation);

    /// <inheritdoc cref="GraphProgram.Settle"/>
    public void Settle(int underWay) => Program.Settle(underWay);

    /// <inheritdoc cref="GraphProgram.ProfileNext"/>
    public IReadOnlyList<KernelTime> ProfileNext(CancellationToken cancellation) => Program.ProfileNext(cancellation);

    /// <summary>The word that a run of the schedule, one of the last <see cref="Ahead"/> + 1, left of what the graph reports.</summary>
    /// <param name="run">Which of the schedule, from 0; it is waited for.</param>
    public int ReadReport(int run)
    {
        if (Program.TryReadReport(run, out var word))
            return word;
        var (buffer, offset) = Locate(Plan.Graph.Reported!);
        _backend.Download(buffer, offset, MemoryMarshal.AsBytes(new Span<int>(ref word)));
        return word;
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
        ? (_apart is null ? _states.Arena : _states.BufferOf(_apart), Plan.OffsetOf(value))
        : (_states.BufferOf(value), 0);

    /// <summary>Frees what the backend took to run it; the store does so.</summary>
    public void Dispose()
    {
        _program?.Dispose();
        _program = null;
        if (_apart is not null)
            _states.Remove(_apart);
    }
}
