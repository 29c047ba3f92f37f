using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Models;

namespace Tuna2.Engine.Sampling;

/// <summary>
/// The fast path, exact by the mask's structure (MODEL.md section 5): what stands before the denoised span never changes, so
/// its keys and values are computed once per branch, in the LLM and in the head; an evaluation computes the span's rows alone.
/// </summary>
internal sealed class PrefixPredictor : Predictor
{
    private readonly Executor _prefix;
    private readonly Executor _step;
    private readonly Extent _prefixRows;
    private readonly Extent _stepRows;

    /// <param name="network">The model.</param>
    /// <param name="backend">What runs it.</param>
    /// <param name="plan">What to denoise.</param>
    /// <param name="watched">Keeps each branch's prediction, for parity.</param>
    public PrefixPredictor(Tuna2Network network, IBackend backend, DenoisePlan plan, bool watched = false) : base(network, backend, plan, watched ? plan.Branches.Count : 0)
    {
        _prefixRows = new Extent("prefix tokens", plan.Branches.Sum(b => b.Target.Offset));
        _stepRows = new Extent("span tokens", plan.Branches.Sum(b => b.Target.Length));
        _prefix = new Executor(PrefixGraph(), backend, Store);
        _step = new Executor(StepGraph(), backend, Store);
        TakeMemory();
    }

    public override IEnumerable<Plan> Plans => [.. base.Plans, _prefix.Plan, _step.Plan];

    public override void Step(int time, int slot, int branches, CancellationToken cancellation)
    {
        var builder = new BatchBuilder();
        var timeRow = RowOf(time, cancellation);
        for (var b = 0; b < branches; b++)
        {
            var target = Request.Branches[b].Target;
            var row = builder.Rows;
            builder.Add(Request.Branches[b], target.Offset, target.End, KvBases[b], CleanTime, timeRow, PictureState.SourceSlot, slot).Predict(row, b);
        }
        _stepRows.Value = builder.Rows;
        _step.Run(builder.Build(), cancellation);
    }

    protected override int KeysOf(PromptLayout branch) => branch.Target.End;

    protected override void Prepare(CancellationToken cancellation)
    {
        var builder = new BatchBuilder();
        for (var b = 0; b < Request.Branches.Count; b++)
            builder.Add(Request.Branches[b], 0, Request.Branches[b].Target.Offset, KvBases[b], CleanTime, CleanTime, PictureState.SourceSlot, PictureState.SourceSlot);
        _prefixRows.Value = builder.Rows;
        _prefix.Run(builder.Build(), cancellation);
    }

    private ModelGraph PrefixGraph()
    {
        var graph = new ModelGraph();
        var sources = Request.Branches.Sum(b => b.Spans.Count(s => s.Clean) + (b.SourcePatches is null ? 0 : 1));
        var h = Network.Embed(graph, _prefixRows, text: true, sources > 0 ? Pictures : null, sources > 0 ? Times : null, sources);
        Network.FlowHeadKeys(graph, Network.Llm(graph, h, Cache), Cache, Times);
        return graph;
    }

    private ModelGraph StepGraph()
    {
        var graph = new ModelGraph();
        var h = Network.Embed(graph, _stepRows, text: false, Pictures, Times, Request.Branches.Count);
        Network.Step(graph, Network.FlowHead(graph, Network.Llm(graph, h, Cache), Cache, Times), Pictures, Parameters);
        return graph;
    }
}
