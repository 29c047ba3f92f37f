using Tuna2.Engine.Graph;
using Tuna2.Engine.Models;

namespace Tuna2.Engine.Sampling;

/// <summary>
/// The oracle: every evaluation computes every token of every branch of one picture, as the official code does. For parity and tests,
/// where it also keeps the intermediates and predicts the sources.
/// </summary>
internal sealed class FullPredictor : Predictor
{
    private readonly DenoisePlan _plan;
    private readonly Extent _rows;

    /// <param name="network">The model.</param>
    /// <param name="backend">What runs it.</param>
    /// <param name="plan">What to denoise.</param>
    /// <param name="keep">Names of intermediates to keep: "llm_layer_0", "head_out", ...</param>
    public FullPredictor(TunaNetwork network, IBackend backend, DenoisePlan plan, IReadOnlyCollection<string> keep)
        : base(network, backend, PredictorRoom.Of(plan) with { Keys = plan.Branches.Max(b => b.Tokens.Count) }, plan.Branches.Sum(b => b.Spans.Count), plan.Branches.Count * plan.Branches.Max(b => b.Tokens.Count))
    {
        _plan = plan;
        _rows = new Extent("tokens", plan.Branches.Sum(b => b.Tokens.Count));
        var pieces = plan.Branches.Sum(b => 2 * b.Spans.Count + 1);
        Steps = new Executor(Graph(keep), backend, Store, new(_rows, pieces, Sources, Runs: Room.Evaluations));
        TakeMemory();
    }

    public override IEnumerable<Plan> Graphs => [.. base.Graphs, Steps.Plan];

    protected override Executor Steps { get; }

    /// <summary>Pictures that enter the rows.</summary>
    private int Sources => _plan.Branches.Sum(b => b.Spans.Count + (b.SourcePatches is null ? 0 : 1));

    /// <summary>An intermediate of the last evaluation, (tokens of all branches, columns); null when it was not kept.</summary>
    public (float[] Data, int Columns)? ReadKept(string name) =>
        Steps.Plan.Graph.Find(name) is { } value && Steps.Plan.Graph.Kept.Contains(value) ? (Steps.Read(value), value.Columns) : null;

    protected override Batch BatchOf(IReadOnlyList<Evaluation> evaluations, int timeRow)
    {
        var builder = new BatchBuilder();
        var (plan, evaluation) = (Plans[0], evaluations[0]);
        var sourceSlot = plan.Branches.Count;
        var targets = new List<int>();
        for (var b = 0; b < evaluation.Branches; b++)
        {
            var layout = plan.Branches[b];
            var row = builder.Rows;
            builder.Add(layout, 0, layout.Tokens.Count, KvBaseOf(0, b), CleanTime, timeRow, SlotOf(plan.Source), evaluation.Slot);
            foreach (var span in layout.Spans)
                builder.Predict(row + span.Offset, span.Clean ? sourceSlot++ : b);
            targets.Add(row + layout.Target.Offset);
        }
        return builder.Step(0, targets[0], targets.Count > 1 ? targets[1] : null, evaluation.Step).Build();
    }

    protected override void Prepare(CancellationToken cancellation) { }

    private ModelGraph Graph(IReadOnlyCollection<string> keep)
    {
        var graph = new ModelGraph();
        var h = Network.Embed(graph, _rows, text: true, Pictures, Times, Sources);
        Network.Step(graph, Network.FlowHead(graph, Network.Llm(graph, h, Cache), Cache, Times), Pictures);
        foreach (var name in keep)
            if (graph.Find(name) is { } value)
                graph.Keep(value);
        return graph;
    }
}
