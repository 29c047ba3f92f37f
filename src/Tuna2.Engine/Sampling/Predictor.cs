using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Models;

namespace Tuna2.Engine.Sampling;

/// <summary>
/// Owns the states of a denoising run and evaluates the model at a time: predictions for each branch, then the solver's
/// update. How much of the prompt each evaluation computes is the subclass's matter; the results are the same.
/// </summary>
internal abstract class Predictor : IDisposable
{
    /// <summary>Row of the time tables for clean sources.</summary>
    protected const int CleanTime = 0;

    private readonly Executor _times;

    protected Predictor(Tuna2Network network, IBackend backend, DenoisePlan plan, int predictions)
    {
        (Network, Request) = (network, plan);
        Store = new StateStore(backend);
        try
        {
            var elements = network.Config.ImageChannels * plan.Height * plan.Width;
            Pictures = new PictureState(plan.Height, plan.Width,
                Store.Add("pictures", new Extent("pictures", PictureState.Slots), elements, ValueElement.Float32),
                predictions == 0 ? null : Store.Add("predictions", new Extent("predictions", predictions), elements, ValueElement.Float32),
                Store.Add("velocity", new Extent("velocity", 1), elements, ValueElement.Float32));
            Times = network.NewTimeState(Store, plan.Steps + 1, head: true);
            KvBases = [.. plan.Branches.Select((_, i) => plan.Branches.Take(i).Sum(KeysOf))];
            Cache = network.NewCacheState(Store, plan.Branches.Sum(KeysOf), head: true);
            _times = new Executor(network.Times(Times), backend, Store);
        }
        catch
        {
            Store.Dispose();
            throw;
        }
    }

    public PictureState Pictures { get; }

    /// <summary>The numbers of the next solver update.</summary>
    public StepParameters Parameters { get; } = new();

    /// <summary>The plans of everything it runs.</summary>
    public virtual IEnumerable<Plan> Plans => [_times.Plan];

    /// <summary>Bytes of states and arenas.</summary>
    public long Bytes => Store.Bytes + Plans.Sum(p => p.PlannedBytes);

    protected Tuna2Network Network { get; }
    protected DenoisePlan Request { get; }
    protected StateStore Store { get; }
    protected TimeState Times { get; }
    protected CacheState Cache { get; }

    /// <summary>Where each branch's keys begin.</summary>
    protected IReadOnlyList<int> KvBases { get; }

    /// <summary>
    /// Sets the times (row 0 is the sources' t = 1, row 1 + i is time i) and the source picture, then computes everything the
    /// evaluations share.
    /// </summary>
    public void Begin(ReadOnlySpan<float> times, ReadOnlySpan<float> source, CancellationToken cancellation)
    {
        Store.Write(Times.Times, CleanTime, [1f]);
        Store.Write(Times.Times, CleanTime + 1, times);
        if (!source.IsEmpty)
            Store.Write(Pictures.Pictures, PictureState.SourceSlot, source);
        _times.Run(new Batch(), cancellation);
        Prepare(cancellation);
    }

    /// <summary>Sets z.</summary>
    public void SetState(ReadOnlySpan<float> z) => Store.Write(Pictures.Pictures, VelocityStep.StateSlot, z);

    /// <summary>Reads a picture slot.</summary>
    public float[] ReadPicture(int slot) => Read(Pictures.Pictures, slot);

    /// <summary>Reads a prediction.</summary>
    public float[] ReadPrediction(int slot) => Read(Pictures.Predictions ?? throw new InvalidOperationException("predictions are not kept"), slot);

    /// <summary>The time tokens' embeddings: (time rows, hidden).</summary>
    public float[] ReadTimeEmbedding(int row) => Read(Times.Embeddings, row);

    /// <summary>Predicts from picture <paramref name="slot"/> at time <paramref name="time"/> for the first branches, then updates the state.</summary>
    public abstract void Step(int time, int slot, int branches, CancellationToken cancellation);

    public virtual void Dispose()
    {
        _times.Dispose();
        Store.Dispose();
    }

    protected abstract void Prepare(CancellationToken cancellation);

    /// <summary>Keys of a branch this predictor keeps.</summary>
    protected abstract int KeysOf(PromptLayout branch);

    private float[] Read(Value value, int row)
    {
        var data = new float[value.Columns];
        Store.Read(value, row, data);
        return data;
    }
}
