namespace Tuna2.Engine.Graph;

/// <summary>
/// The most that batches of a graph hold: what a backend takes memory for once, so that none is taken while steps run.
/// </summary>
/// <param name="Rows">Rows of a batch, at most; set to their number before each run. Null where a batch has none.</param>
/// <param name="Sequences">Sequences.</param>
/// <param name="Spans">Pictures, time tokens and predictions placed, each.</param>
/// <param name="Picked">Rows picked.</param>
/// <param name="Runs">Batches of a schedule; 0 where the graph is only run batch by batch.</param>
public sealed record BatchBounds(Extent? Rows, int Sequences, int Spans = 0, int Picked = 0, int Runs = 0)
{
    /// <summary>For graphs that have no rows of tokens: what depends on times alone.</summary>
    public static BatchBounds None { get; } = new(null, 0);
}

/// <summary>
/// A planned graph made ready on a backend. It runs a batch at once, or a schedule of batches one after the other, which a
/// backend may then do with one call each and without waiting. For one thread at a time.
/// </summary>
public abstract class GraphProgram : IDisposable
{
    /// <summary>How many runs of a schedule may be under way at a time; 0 where a run is done when the call returns.</summary>
    public virtual int Ahead => 0;

    /// <summary>Runs every op in order; cancellation is seen between ops.</summary>
    public abstract void Run(Batch batch, CancellationToken cancellation);

    /// <summary>Makes batches ready to be run in their order.</summary>
    public abstract void Schedule(IReadOnlyList<Batch> batches);

    /// <summary>The next run is the schedule's first.</summary>
    public abstract void Restart();

    /// <summary>Runs the schedule's next batch, or queues it when no more than <see cref="Ahead"/> others are under way.</summary>
    public abstract void RunNext(CancellationToken cancellation);

    /// <summary>Waits until no more than <paramref name="underWay"/> of the schedule's runs are.</summary>
    public virtual void Settle(int underWay) { }

    /// <summary>
    /// Waits for a run of the schedule, one of the last <see cref="Ahead"/> + 1, and reads the word it left of what the graph reports.
    /// </summary>
    /// <param name="run">Which of the schedule, from 0.</param>
    /// <param name="word">The word.</param>
    /// <returns>False where a run is done when the call returns: the word is where it was written.</returns>
    public virtual bool TryReadReport(int run, out int word)
    {
        word = 0;
        return false;
    }

    /// <summary>Frees what the backend took for it.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees what the backend took for it.</summary>
    /// <param name="disposing">Always true: there is no finalizer.</param>
    protected virtual void Dispose(bool disposing) { }
}

/// <summary>A program of a backend that runs an op when it is told to.</summary>
/// <param name="plan">The planned graph.</param>
/// <param name="bounds">What its batches hold at most.</param>
/// <param name="run">Runs an op.</param>
internal sealed class ImmediateProgram(Plan plan, BatchBounds bounds, Action<Op, Batch> run) : GraphProgram
{
    private IReadOnlyList<Batch> _schedule = [];
    private int _next;

    /// <inheritdoc/>
    public override void Run(Batch batch, CancellationToken cancellation)
    {
        bounds.Rows?.Value = batch.Rows;
        plan.Graph.SetCounts(batch);
        foreach (var op in plan.Graph.Ops)
        {
            cancellation.ThrowIfCancellationRequested();
            run(op, batch);
        }
    }

    /// <inheritdoc/>
    public override void Schedule(IReadOnlyList<Batch> batches) => (_schedule, _next) = (batches, 0);

    /// <inheritdoc/>
    public override void Restart() => _next = 0;

    /// <inheritdoc/>
    public override void RunNext(CancellationToken cancellation) => Run(_schedule[_next++], cancellation);
}
