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

    /// <summary>
    /// The most times whose AdaLN vectors are ready at once: a megabyte and a half each at the official sizes. Fifty steps fit;
    /// a thousand are computed window by window.
    /// </summary>
    public const int TimesAtOnce = 64;

    private readonly Executor _executor;
    private readonly int _window;
    private float[] _times = [];
    private int _firstTime;

    protected Predictor(Tuna2Network network, IBackend backend, DenoisePlan plan, int predictions)
    {
        (Network, Request) = (network, plan);
        Store = new StateStore(backend);
        _window = Math.Min(plan.Steps, TimesAtOnce);
        var elements = network.Config.ImageChannels * plan.Height * plan.Width;
        Pictures = new PictureState(plan.Height, plan.Width,
            Store.Add("pictures", new Extent("pictures", PictureState.Slots), elements, ValueElement.Float32),
            predictions == 0 ? null : Store.Add("predictions", new Extent("predictions", predictions), elements, ValueElement.Float32),
            Store.Add("velocity", new Extent("velocity", 1), elements, ValueElement.Float32));
        Times = network.NewTimeState(Store, _window + 1, head: true);
        KvBases = [.. plan.Branches.Select((_, i) => plan.Branches.Take(i).Sum(KeysOf))];
        Cache = network.NewCacheState(Store, plan.Branches.Sum(KeysOf), head: true);
        _executor = new Executor(network.Times(Times), backend, Store);
    }

    public PictureState Pictures { get; }

    /// <summary>The numbers of the next solver update.</summary>
    public StepParameters Parameters { get; } = new();

    /// <summary>The plans of everything it runs.</summary>
    public virtual IEnumerable<Plan> Plans => [_executor.Plan];

    /// <summary>What it has taken.</summary>
    public SessionMemory Memory => SessionMemory.Of(Store, Cache, Plans);

    protected Tuna2Network Network { get; }
    protected DenoisePlan Request { get; }
    protected StateStore Store { get; }
    protected TimeState Times { get; }
    protected CacheState Cache { get; }

    /// <summary>Where each branch's keys begin.</summary>
    protected IReadOnlyList<int> KvBases { get; }

    /// <summary>Sets the times, one per step, and the source picture, then computes everything the evaluations share.</summary>
    public void Begin(ReadOnlySpan<float> times, ReadOnlySpan<float> source, CancellationToken cancellation)
    {
        _times = times.ToArray();
        if (!source.IsEmpty)
            Store.Write(Pictures.Pictures, PictureState.SourceSlot, source);
        PrepareTimes(0, cancellation);
        Prepare(cancellation);
    }

    /// <summary>Sets z.</summary>
    public void SetState(ReadOnlySpan<float> z) => Store.Write(Pictures.Pictures, VelocityStep.StateSlot, z);

    /// <summary>Reads a picture slot.</summary>
    public float[] ReadPicture(int slot) => Read(Pictures.Pictures, slot);

    /// <summary>Reads a prediction.</summary>
    public float[] ReadPrediction(int slot) => Read(Pictures.Predictions ?? throw new InvalidOperationException("predictions are not kept"), slot);

    /// <summary>The time token's embedding at a time of the run, or of clean sources when it is null: (hidden).</summary>
    public float[] ReadTimeEmbedding(int? time) => Read(Times.Embeddings, time is { } t ? RowOf(t, default) : CleanTime);

    /// <summary>Predicts from picture <paramref name="slot"/> at time <paramref name="time"/> for the first branches, then updates the state.</summary>
    public abstract void Step(int time, int slot, int branches, CancellationToken cancellation);

    public void Dispose() => Store.Dispose();

    protected abstract void Prepare(CancellationToken cancellation);

    /// <summary>Takes the memory; what runs it must be planned by then.</summary>
    /// <exception cref="DeviceException">There is not that much.</exception>
    protected void TakeMemory() => Store.Take(
        $"a picture of {Request.Width}x{Request.Height}", Request.Branches.Count > 1 ? "a smaller one, or guidance 1, takes less" : "a smaller one takes less");

    /// <summary>The row of the time tables a time is in; computes its window when another is there.</summary>
    protected int RowOf(int time, CancellationToken cancellation)
    {
        if (time < _firstTime || time >= _firstTime + _window)
            PrepareTimes(time, cancellation);
        return CleanTime + 1 + time - _firstTime;
    }

    /// <summary>Keys of a branch this predictor keeps.</summary>
    protected abstract int KeysOf(PromptLayout branch);

    /// <summary>
    /// Row 0 is the sources' t = 1, the rows behind it a window of times from <paramref name="first"/> on; the last window ends
    /// with the last time, so that every one has as many rows and a time's vectors have the same bits in any.
    /// </summary>
    private void PrepareTimes(int first, CancellationToken cancellation)
    {
        _firstTime = Math.Min(first, _times.Length - _window);
        Store.Write(Times.Times, CleanTime, [1f]);
        Store.Write(Times.Times, CleanTime + 1, _times.AsSpan(_firstTime, _window));
        _executor.Run(new Batch(), cancellation);
    }

    private float[] Read(Value value, int row)
    {
        var data = new float[value.Columns];
        Store.Read(value, row, data);
        return data;
    }
}
