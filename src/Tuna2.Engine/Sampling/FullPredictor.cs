using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Models;

namespace Tuna2.Engine.Sampling;

/// <summary>
/// The oracle: every evaluation computes every token of every branch, as the official code does. For parity and tests, where
/// it also keeps the intermediates and predicts the sources.
/// </summary>
internal sealed class FullPredictor : Predictor
{
    private readonly Executor _executor;
    private readonly Extent _rows;

    /// <param name="network">The model.</param>
    /// <param name="backend">What runs it.</param>
    /// <param name="plan">What to denoise.</param>
    /// <param name="keep">Names of intermediates to keep: "llm_layer_0", "head_out", ...</param>
    public FullPredictor(Tuna2Network network, IBackend backend, DenoisePlan plan, IReadOnlyCollection<string> keep)
        : base(network, backend, plan, plan.Branches.Sum(b => b.Spans.Count))
    {
        _rows = new Extent("tokens", plan.Branches.Sum(b => b.Tokens.Count));
        _executor = new Executor(Graph(keep), backend, Store);
        TakeMemory();
    }

    public override IEnumerable<Plan> Plans => [.. base.Plans, _executor.Plan];

    /// <summary>An intermediate of the last evaluation, (tokens of all branches, columns); null when it was not kept.</summary>
    public (float[] Data, int Columns)? ReadKept(string name) =>
        _executor.Plan.Graph.Find(name) is { } value && _executor.Plan.Graph.Kept.Contains(value) ? (_executor.Read(value), value.Columns) : null;

    public override void Step(int time, int slot, int branches, CancellationToken cancellation)
    {
        var builder = new BatchBuilder();
        var timeRow = RowOf(time, cancellation);
        var sourceSlot = Request.Branches.Count;
        for (var b = 0; b < branches; b++)
        {
            var layout = Request.Branches[b];
            var row = builder.Rows;
            builder.Add(layout, 0, layout.Tokens.Count, KvBases[b], CleanTime, timeRow, PictureState.SourceSlot, slot);
            foreach (var span in layout.Spans)
                builder.Predict(row + span.Offset, span.Clean ? sourceSlot++ : b);
        }
        _rows.Value = builder.Rows;
        _executor.Run(builder.Build(), cancellation);
    }

    protected override int KeysOf(PromptLayout branch) => branch.Tokens.Count;

    protected override void Prepare(CancellationToken cancellation) { }

    private ModelGraph Graph(IReadOnlyCollection<string> keep)
    {
        var graph = new ModelGraph();
        var pictures = Request.Branches.Sum(b => b.Spans.Count + (b.SourcePatches is null ? 0 : 1));
        var h = Network.Embed(graph, _rows, text: true, Pictures, Times, pictures);
        Network.Step(graph, Network.FlowHead(graph, Network.Llm(graph, h, Cache), Cache, Times), Pictures, Parameters);
        foreach (var name in keep)
            if (graph.Find(name) is { } value)
                graph.Keep(value);
        return graph;
    }
}
