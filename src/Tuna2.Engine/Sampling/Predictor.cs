using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Models;

namespace Tuna2.Engine.Sampling;

/// <summary>
/// Owns the states of denoising runs and evaluates the model: predictions for each branch, then the solver's update. How much
/// of the prompt each evaluation computes is the subclass's matter; the results are the same. It serves one plan after another,
/// as long as they fit.
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

    private readonly IBackend _backend;
    private readonly int _timeRoom;
    private Executor? _times;
    private DenoisePlan? _plan;
    private IReadOnlyList<Evaluation> _evaluations = [];
    private int _firstTime;
    private int _next;

    /// <param name="network">The model.</param>
    /// <param name="backend">What runs it.</param>
    /// <param name="room">What plans may take.</param>
    /// <param name="predictions">Predictions that are kept.</param>
    /// <param name="kept">Keys and values of a branch that are kept from evaluation to evaluation.</param>
    protected Predictor(TunaNetwork network, IBackend backend, PredictorRoom room, int predictions, int kept)
    {
        (Network, Room, _backend) = (network, room, backend);
        _timeRoom = room.Times;
        Store = new StateStore(backend);
        var elements = network.Config.ImageChannels * room.Frames * room.Height * room.Width;
        Pictures = new PictureState(room.Height, room.Width,
            Store.Add("pictures", new Extent("pictures", PictureState.Slots), elements, ValueElement.Float32),
            predictions == 0 ? null : Store.Add("predictions", new Extent("predictions", predictions), elements, ValueElement.Float32),
            Store.Add("velocity", new Extent("velocity", 1), elements, ValueElement.Float32), room.Frames);
        Times = network.NewTimeState(Store, _timeRoom + 1, head: true);
        Cache = network.NewCacheState(Store, room.Branches * kept, head: true);
    }

    public PictureState Pictures { get; }

    /// <summary>What plans may take.</summary>
    public PredictorRoom Room { get; }

    /// <summary>The plans of everything it runs.</summary>
    public virtual IEnumerable<Plan> Plans => [_times!.Plan];

    /// <summary>What it has taken.</summary>
    public SessionMemory Memory => SessionMemory.Of(Store, Cache, Plans);

    /// <summary>How many evaluations may be under way when <see cref="Evaluate"/> returns.</summary>
    public int Ahead => Steps.Ahead;

    protected TunaNetwork Network { get; }
    protected StateStore Store { get; }
    protected TimeState Times { get; }
    protected CacheState Cache { get; }

    /// <summary>What is denoised.</summary>
    protected DenoisePlan Plan => _plan ?? throw new InvalidOperationException("no run has begun");

    /// <summary>What runs evaluations.</summary>
    protected abstract Executor Steps { get; }

    /// <summary>Sets the plan and the source picture, then computes everything the evaluations share.</summary>
    /// <exception cref="ArgumentException">The plan does not fit.</exception>
    public void Begin(DenoisePlan plan, ReadOnlySpan<float> source, CancellationToken cancellation)
    {
        if (!Room.Holds(plan))
            throw new ArgumentException($"a plan that takes {PredictorRoom.Of(plan)} does not fit {Room}", nameof(plan));
        _plan = plan;
        _evaluations = plan.Evaluations();
        if (!source.IsEmpty)
            Store.Write(Pictures.Pictures, PictureState.SourceSlot, source);
        Times.Times.Rows.Value = Window + 1;
        PrepareTimes(0, cancellation);
        Prepare(cancellation);
        Steps.Schedule([.. _evaluations.Select(e => BatchOf(e, RowOf(e.Time)))]);
    }

    /// <summary>Sets z; the next evaluation is the first.</summary>
    public void Start(ReadOnlySpan<float> z)
    {
        Steps.Restart();
        _next = 0;
        Store.Write(Pictures.Pictures, VelocityStep.StateSlot, z);
    }

    /// <summary>Predicts for the next evaluation's branches, then updates the state.</summary>
    public void Evaluate(CancellationToken cancellation)
    {
        var first = FirstOf(_evaluations[_next].Time);
        if (first != _firstTime)
            PrepareTimes(first, cancellation);
        Steps.RunNext(cancellation);
        _next++;
    }

    /// <summary>As <see cref="Evaluate"/>, saying what each kind of kernel took. The times' vectors must be ready.</summary>
    public IReadOnlyList<KernelTime> Profile(CancellationToken cancellation)
    {
        var times = Steps.ProfileNext(cancellation);
        _next++;
        return times;
    }

    /// <summary>Waits until no more than <paramref name="underWay"/> evaluations are.</summary>
    public void Settle(int underWay) => Steps.Settle(underWay);

    /// <summary>Reads a picture slot.</summary>
    public float[] ReadPicture(int slot) => Read(Pictures.Pictures, slot);

    /// <summary>Reads a prediction.</summary>
    public float[] ReadPrediction(int slot) => Read(Pictures.Predictions ?? throw new InvalidOperationException("predictions are not kept"), slot);

    /// <summary>The time token's embedding at a time of the window that is ready, or of clean sources when it is null: (hidden).</summary>
    public float[] ReadTimeEmbedding(int? time) => Read(Times.Embeddings, time is { } t ? RowOf(t) : CleanTime);

    public void Dispose() => Store.Dispose();

    protected abstract void Prepare(CancellationToken cancellation);

    /// <summary>What an evaluation computes, when its time's vectors are in row <paramref name="timeRow"/>.</summary>
    protected abstract Batch BatchOf(in Evaluation evaluation, int timeRow);

    /// <summary>Takes the memory; what runs it must be planned by then.</summary>
    /// <exception cref="DeviceException">There is not that much.</exception>
    protected void TakeMemory()
    {
        _times = new Executor(Network.Times(Times), _backend, Store, BatchBounds.None);
        var side = Network.Config.TokenPixels / Network.Config.PatchSize;
        var frames = Network.Config.Vae?.PixelFrames(Room.Frames) ?? 1;
        string[] remedies = ["a smaller one", .. Network.Config.Vae is null ? [] : (string[])["a smaller VAE tile"], .. Room.Branches > 1 ? (string[])["guidance 1"] : []];
        Store.Take($"a {(frames > 1 ? $"clip of {frames} frames" : "picture")} of {Room.Width * side}x{Room.Height * side}", remedies.Length > 1 ? $"{string.Join(", ", remedies[..^1])}, or {remedies[^1]}, takes less" : $"{remedies[0]} takes less");
    }

    /// <summary>Where a branch's keys begin while an evaluation runs.</summary>
    protected int KvBaseOf(int branch) => branch * Room.Keys;

    /// <summary>The times that are ready together.</summary>
    private int Window => Math.Min(Plan.Steps, _timeRoom);

    /// <summary>The first time of the window that a time is in; the last window ends with the last time.</summary>
    private int FirstOf(int time) => Math.Min(time / Window * Window, Plan.Steps - Window);

    /// <summary>The row of the time tables a time is in when its window is ready.</summary>
    private int RowOf(int time) => CleanTime + 1 + time - FirstOf(time);

    /// <summary>
    /// Row 0 is the sources' t = 1, the rows behind it a window of times from <paramref name="first"/> on; every window has as many
    /// rows, so that a time's vectors have the same bits in any.
    /// </summary>
    private void PrepareTimes(int first, CancellationToken cancellation)
    {
        _firstTime = first;
        Store.Write(Times.Times, CleanTime, [1f]);
        Store.Write(Times.Times, CleanTime + 1, Plan.Times.AsSpan(first, Window));
        _times!.Run(new Batch(), cancellation);
    }

    private float[] Read(Value value, int row)
    {
        var data = new float[value.Columns];
        Store.Read(value, row, data);
        return data;
    }
}
