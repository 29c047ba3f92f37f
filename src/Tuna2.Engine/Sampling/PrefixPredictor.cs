using Tuna2.Engine.Graph;
using Tuna2.Engine.Models;

namespace Tuna2.Engine.Sampling;

/// <summary>
/// The fast path, exact by the mask's structure (MODEL.md section 5): what stands before the denoised span never changes, so
/// its keys and values are computed once per branch, in the LLM and in the head; an evaluation computes the span's rows alone, and
/// keeps nothing of them: a layer's keys and values of the span are gone with the layer.
/// </summary>
internal sealed class PrefixPredictor : Predictor
{
    private readonly Executor _prefix;
    private readonly Extent _prefixRows;
    private readonly Extent _stepRows;

    /// <param name="network">The model.</param>
    /// <param name="backend">What runs it.</param>
    /// <param name="room">What plans may take.</param>
    /// <param name="watched">Keeps each branch's prediction, for parity.</param>
    /// <exception cref="DeviceException">There is not enough memory.</exception>
    public PrefixPredictor(TunaNetwork network, IBackend backend, PredictorRoom room, bool watched = false) : base(network, backend, room, watched ? room.Branches : 0, room.Prefix)
    {
        _prefixRows = new Extent("prefix tokens", room.Branches * room.Prefix);
        _stepRows = new Extent("span tokens", room.Branches * (room.Keys - room.Prefix));
        // A branch's prefix is text with its sources between.
        _prefix = new Executor(PrefixGraph(), backend, Store, new(_prefixRows, room.Branches * (2 * room.Sources + 1), room.Branches * room.Sources));
        Steps = new Executor(StepGraph(), backend, Store, new(_stepRows, room.Branches, room.Branches, Runs: room.Evaluations));
        TakeMemory();
    }

    public override IEnumerable<Plan> Plans => [.. base.Plans, _prefix.Plan, Steps.Plan];

    protected override Executor Steps { get; }

    protected override Batch BatchOf(in Evaluation evaluation, int timeRow)
    {
        var builder = new BatchBuilder();
        for (var b = 0; b < evaluation.Branches; b++)
        {
            var target = Plan.Branches[b].Target;
            var row = builder.Rows;
            builder.Add(Plan.Branches[b], target.Offset, target.End, KvBaseOf(b), CleanTime, timeRow, PictureState.SourceSlot, evaluation.Picture).Predict(row, b);
        }
        return builder.Build(evaluation.Step);
    }

    protected override void Prepare(CancellationToken cancellation)
    {
        var builder = new BatchBuilder();
        for (var b = 0; b < Plan.Branches.Count; b++)
            builder.Add(Plan.Branches[b], 0, Plan.Branches[b].Target.Offset, b * Room.Prefix, CleanTime, CleanTime, PictureState.SourceSlot, PictureState.SourceSlot);
        _prefix.Run(builder.Build(), cancellation);
    }

    private ModelGraph PrefixGraph()
    {
        var graph = new ModelGraph();
        var sources = Room.Branches * Room.Sources;
        var h = Network.Embed(graph, _prefixRows, text: true, sources > 0 ? Pictures : null, sources > 0 ? Times : null, sources);
        Network.FlowHeadKeys(graph, Network.Llm(graph, h, Cache), Cache, Times);
        return graph;
    }

    private ModelGraph StepGraph()
    {
        var graph = new ModelGraph();
        var h = Network.Embed(graph, _stepRows, text: false, Pictures, Times, Room.Branches);
        var window = new KeyWindow(Room.Prefix, new Extent("keys", Room.Branches * Room.Keys));
        Network.Step(graph, Network.FlowHead(graph, Network.Llm(graph, h, Cache, window), Cache, Times, window), Pictures);
        return graph;
    }
}
