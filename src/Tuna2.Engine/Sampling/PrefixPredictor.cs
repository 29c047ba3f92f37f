using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Models;

namespace Tuna2.Engine.Sampling;

/// <summary>
/// The fast path, exact by the mask's structure (MODEL.md section 5): what stands before the denoised span never changes, so
/// its keys and values are computed once, in the LLM and in the head, for all pictures it stands before; an evaluation computes the span's
/// rows alone, and keeps nothing of them: a layer's keys and values of the span are gone with the layer.
/// </summary>
internal sealed class PrefixPredictor : Predictor
{
    private readonly Executor _prefix;
    private readonly Extent _prefixRows;
    private readonly Extent _stepRows;
    private readonly Prefix?[] _kept;

    /// <param name="network">The model.</param>
    /// <param name="backend">What runs it.</param>
    /// <param name="room">What plans may take.</param>
    /// <param name="watched">Keeps each branch's prediction, for parity.</param>
    /// <exception cref="DeviceException">There is not enough memory.</exception>
    public PrefixPredictor(TunaNetwork network, IBackend backend, PredictorRoom room, bool watched = false)
        : base(network, backend, room, watched ? room.Pictures * room.Branches : 0, room.Prefixes * room.Prefix)
    {
        _kept = new Prefix?[room.Prefixes];
        _prefixRows = new Extent("prefix tokens", room.Prefix);
        _stepRows = new Extent("span tokens", Sequences * (room.Keys - room.Prefix));
        // A prefix is text with its sources between.
        _prefix = new Executor(PrefixGraph(), backend, Store, new(_prefixRows, 2 * room.Sources + 1, room.Sources));
        Steps = new Executor(StepGraph(), backend, Store, new(_stepRows, Sequences, Sequences, Runs: room.Evaluations));
        TakeMemory();
    }

    public override IEnumerable<Plan> Graphs => [.. base.Graphs, _prefix.Plan, Steps.Plan];

    protected override Executor Steps { get; }

    /// <summary>Spans of all branches of all pictures.</summary>
    private int Sequences => Room.Pictures * Room.Branches;

    public override void Forget()
    {
        base.Forget();
        Array.Clear(_kept);
    }

    protected override Batch BatchOf(IReadOnlyList<Evaluation> evaluations, int timeRow)
    {
        var builder = new BatchBuilder();
        for (var picture = 0; picture < evaluations.Count; picture++)
        {
            var (plan, evaluation, first) = (Plans[picture], evaluations[picture], builder.Rows);
            for (var b = 0; b < evaluation.Branches; b++)
            {
                var target = plan.Branches[b].Target;
                var row = builder.Rows;
                builder.Add(plan.Branches[b], target.Offset, target.End, KvBaseOf(picture, b), CleanTime, timeRow, Pictures.SourceSlot, picture * VelocityStep.SlotsOfPicture + evaluation.Slot)
                    .Predict(row, picture * Room.Branches + b)
                    .Recall(Array.IndexOf(_kept, new Prefix(plan.Branches[b], plan.Source)));
            }
            builder.Step(picture, first, evaluation.Branches > 1 ? first + plan.Branches[0].Target.Length : null, evaluation.Step);
        }
        return builder.Build();
    }

    /// <summary>
    /// Each prefix by itself, and once: its bits are its own, whatever stands beside it. One that nobody needs any more gives way to one that is new.
    /// </summary>
    protected override void Prepare(CancellationToken cancellation)
    {
        Prefix[] needed = [.. Plans.SelectMany(plan => plan.Prefixes).Distinct()];
        foreach (var prefix in needed.Where(prefix => !_kept.Contains(prefix)).ToArray())
        {
            var place = Array.FindIndex(_kept, kept => kept is not { } there || !needed.Contains(there));
            _kept[place] = null;
            _prefix.Run(
                new BatchBuilder().Add(prefix.Layout, 0, prefix.Layout.Target.Offset, place * Room.Prefix, CleanTime, CleanTime, SlotOf(prefix.Source), SlotOf(prefix.Source)).Build(), cancellation);
            _kept[place] = prefix;
        }
    }

    private ModelGraph PrefixGraph()
    {
        var graph = new ModelGraph();
        var h = Network.Embed(graph, _prefixRows, text: true, Room.Sources > 0 ? Pictures : null, Room.Sources > 0 ? Times : null, Room.Sources);
        Network.FlowHeadKeys(graph, Network.Llm(graph, h, Cache), Cache, Times);
        return graph;
    }

    private ModelGraph StepGraph()
    {
        var graph = new ModelGraph();
        var h = Network.Embed(graph, _stepRows, text: false, Pictures, Times, Sequences);
        var window = new KeyWindow(Room.Prefix, new Extent("keys", Sequences * Room.Keys));
        Network.Step(graph, Network.FlowHead(graph, Network.Llm(graph, h, Cache, window), Cache, Times, window), Pictures);
        return graph;
    }
}
