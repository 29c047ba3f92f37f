using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Models;

namespace Tuna2.Engine.Sampling;

/// <summary>
/// Owns the states of denoising runs and evaluates the model: predictions for each branch of every picture, then the solver's update.
/// Pictures are sequences side by side, whose rows do not mix: each is what it would be alone, but for the rounding of a product whose
/// algorithm depends on the number of rows (<see cref="IBackend.RowsDecideBits"/>). How much of the prompt each evaluation computes is the
/// subclass's matter; the results are the same. It serves one run after another, as long as they fit.
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
    private IReadOnlyList<DenoisePlan> _plans = [];
    private float[][] _originals = [];
    private IReadOnlyList<Evaluation> _evaluations = [];
    private (float[] Times, int First)? _ready;
    private int _next;

    /// <param name="network">The model.</param>
    /// <param name="backend">What runs it.</param>
    /// <param name="room">What plans may take.</param>
    /// <param name="predictions">Predictions that are kept.</param>
    /// <param name="kept">Keys and values that are kept from evaluation to evaluation.</param>
    protected Predictor(TunaNetwork network, IBackend backend, PredictorRoom room, int predictions, int kept)
    {
        (Network, Room, _backend) = (network, room, backend);
        _timeRoom = room.Times;
        Store = new StateStore(backend);
        var elements = network.Config.ImageChannels * room.Frames * room.Height * room.Width;
        Pictures = new PictureState(room.Height, room.Width,
            Store.Add("pictures", new Extent("pictures", room.Pictures * VelocityStep.SlotsOfPicture + room.Originals), elements, ValueElement.Float32),
            predictions == 0 ? null : Store.Add("predictions", new Extent("predictions", predictions), elements, ValueElement.Float32),
            Store.Add("velocity", new Extent("velocity", room.Pictures), elements, ValueElement.Float32), room.Frames);
        Times = network.NewTimeState(Store, _timeRoom + 1, head: true);
        Cache = network.NewCacheState(Store, kept, head: true);
    }

    public PictureState Pictures { get; }

    /// <summary>What plans may take.</summary>
    public PredictorRoom Room { get; }

    /// <summary>The plans of everything it runs.</summary>
    public virtual IEnumerable<Plan> Graphs => [_times!.Plan];

    /// <summary>What it has taken.</summary>
    public SessionMemory Memory => SessionMemory.Of(Store, Cache, Graphs);

    /// <summary>How many evaluations may be under way when <see cref="Evaluate"/> returns.</summary>
    public int Ahead => Steps.Ahead;

    protected TunaNetwork Network { get; }
    protected StateStore Store { get; }
    protected TimeState Times { get; }
    protected CacheState Cache { get; }

    /// <summary>What is denoised, picture by picture.</summary>
    protected IReadOnlyList<DenoisePlan> Plans => _plans.Count > 0 ? _plans : throw new InvalidOperationException("no run has begun");

    /// <summary>What runs evaluations.</summary>
    protected abstract Executor Steps { get; }

    /// <summary>
    /// Sets what is denoised, then computes everything the evaluations share; what the run before left of that is computed once.
    /// </summary>
    /// <param name="plans">One for each of the pictures that are stepped together, over the same times by the same solver.</param>
    /// <param name="cancellation">Seen between ops.</param>
    /// <exception cref="ArgumentException">The plans do not fit, or not together.</exception>
    public void Begin(IReadOnlyList<DenoisePlan> plans, CancellationToken cancellation)
    {
        if (!Room.Holds(plans))
            throw new ArgumentException($"plans that take {PredictorRoom.Of(plans)} do not fit {Room}", nameof(plans));
        if (plans.FirstOrDefault(plan => plan.Sampler != plans[0].Sampler || !plan.Times.AsSpan().SequenceEqual(plans[0].Times)) is { } other)
            throw new ArgumentException($"{other.Steps} steps by {other.Sampler} are not taken together with {plans[0].Steps} by {plans[0].Sampler}", nameof(plans));
        _plans = plans;
        _evaluations = plans[0].Evaluations();
        _originals = [.. plans.Select(plan => plan.Source).OfType<float[]>().Distinct()];
        for (var i = 0; i < _originals.Length; i++)
            Store.Write(Pictures.Pictures, Pictures.SourceSlot + i, _originals[i]);
        Times.Times.Rows.Value = Window + 1;
        PrepareTimes(0, cancellation);
        Prepare(cancellation);
        var ofPictures = plans.Select(plan => plan.Evaluations()).ToArray();
        Steps.Schedule([.. _evaluations.Select((e, i) => BatchOf([.. ofPictures.Select(all => all[i])], RowOf(e.Time)))]);
    }

    /// <summary>As the other, for one picture.</summary>
    public void Begin(DenoisePlan plan, CancellationToken cancellation) => Begin([plan], cancellation);

    /// <summary>The next run computes everything anew: what prompts and sources it had is not held on to.</summary>
    public virtual void Forget() => (_plans, _originals, _ready) = ([], [], null);

    /// <summary>Sets z of every picture; the next evaluation is the first.</summary>
    public void Start(IReadOnlyList<float[]> z)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(z.Count, Plans.Count);
        Steps.Restart();
        _next = 0;
        for (var i = 0; i < z.Count; i++)
            Store.Write(Pictures.Pictures, i * VelocityStep.SlotsOfPicture + VelocityStep.StateSlot, z[i]);
    }

    /// <summary>As the other, for one picture.</summary>
    public void Start(float[] z) => Start([z]);

    /// <summary>Predicts for the next evaluation's branches, then updates the state.</summary>
    public void Evaluate(CancellationToken cancellation)
    {
        PrepareTimes(FirstOf(_evaluations[_next].Time), cancellation);
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

    /// <summary>Reads a picture's z, or another of its slots.</summary>
    public float[] ReadPicture(int picture = 0, int slot = VelocityStep.StateSlot) => Read(Pictures.Pictures, picture * VelocityStep.SlotsOfPicture + slot);

    /// <summary>Reads a prediction.</summary>
    public float[] ReadPrediction(int slot) => Read(Pictures.Predictions ?? throw new InvalidOperationException("predictions are not kept"), slot);

    /// <summary>The time token's embedding at a time of the window that is ready, or of clean sources when it is null: (hidden).</summary>
    public float[] ReadTimeEmbedding(int? time) => Read(Times.Embeddings, time is { } t ? RowOf(t) : CleanTime);

    public void Dispose() => Store.Dispose();

    protected abstract void Prepare(CancellationToken cancellation);

    /// <summary>What an evaluation of every picture computes, when their time's vectors are in row <paramref name="timeRow"/>.</summary>
    protected abstract Batch BatchOf(IReadOnlyList<Evaluation> evaluations, int timeRow);

    /// <summary>Takes the memory; what runs it must be planned by then.</summary>
    /// <exception cref="DeviceException">There is not that much.</exception>
    protected void TakeMemory()
    {
        _times = new Executor(Network.Times(Times), _backend, Store, BatchBounds.None);
        var side = Network.Config.TokenPixels / Network.Config.PatchSize;
        var frames = Network.Config.Vae?.PixelFrames(Room.Frames) ?? 1;
        var what = $"{(frames > 1 ? $"clip of {frames} frames" : "picture")} of {Room.Width * side}x{Room.Height * side}";
        string[] remedies =
        [
            .. Room.Pictures > 1 ? (string[])["a smaller batch"] : [], Room.Pictures > 1 ? "smaller pictures" : "a smaller one",
            .. Network.Config.Vae is null ? [] : (string[])["a smaller VAE tile"], .. Room.Branches > 1 ? (string[])["guidance 1"] : [],
        ];
        var takeLess = Room.Pictures > 1 ? "take less" : "takes less";
        Store.Take(Room.Pictures > 1 ? $"a batch of {Room.Pictures}, each a {what}" : $"a {what}", remedies.Length > 1 ? $"{string.Join(", ", remedies[..^1])}, or {remedies[^1]}, {takeLess}" : $"{remedies[0]} {takeLess}");
    }

    /// <summary>Where a branch's keys begin while an evaluation runs.</summary>
    protected int KvBaseOf(int picture, int branch) => (picture * Room.Branches + branch) * Room.Keys;

    /// <summary>The slot of the source that prompts show.</summary>
    protected int SlotOf(float[]? source) => Pictures.SourceSlot + Math.Max(0, Array.IndexOf(_originals, source));

    /// <summary>The times that are ready together.</summary>
    private int Window => Math.Min(Plans[0].Steps, _timeRoom);

    /// <summary>The first time of the window that a time is in; the last window ends with the last time.</summary>
    private int FirstOf(int time) => Math.Min(time / Window * Window, Plans[0].Steps - Window);

    /// <summary>The row of the time tables a time is in when its window is ready.</summary>
    private int RowOf(int time) => CleanTime + 1 + time - FirstOf(time);

    /// <summary>
    /// Row 0 is the sources' t = 1, the rows behind it a window of times from <paramref name="first"/> on; every window has as many
    /// rows, so that a time's vectors have the same bits in any.
    /// </summary>
    private void PrepareTimes(int first, CancellationToken cancellation)
    {
        var times = Plans[0].Times;
        if (_ready is { } ready && ready.First == first && ready.Times.AsSpan().SequenceEqual(times))
            return;
        _ready = null;
        Store.Write(Times.Times, CleanTime, [1f]);
        Store.Write(Times.Times, CleanTime + 1, times.AsSpan(first, Window));
        _times!.Run(new Batch(), cancellation);
        _ready = (times, first);
    }

    private float[] Read(Value value, int row)
    {
        var data = new float[value.Columns];
        Store.Read(value, row, data);
        return data;
    }
}
