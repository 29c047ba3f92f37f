using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Graph;

/// <summary>
/// Joins a product and the SwiGLU behind it where the backend has them as one op (<see cref="IBackend.FusesSwiGlu"/>) and nobody else
/// wants the pair between: that is the largest value of a layer, twice the MLP's width.
/// </summary>
internal static class SwiGluFusion
{
    /// <summary>The graph as the backend runs it; the graph itself where there is nothing to join.</summary>
    public static ModelGraph Of(ModelGraph graph, IBackend backend)
    {
        var readers = graph.Ops.SelectMany(op => op.Reads).CountBy(v => v).ToDictionary();
        Op[] ops = [.. Joined()];
        return ops.Length == graph.Ops.Count ? graph : graph.With(ops);

        IEnumerable<Op> Joined()
        {
            for (var i = 0; i < graph.Ops.Count; i++)
            {
                if (graph.Ops[i] is MatMul { Activation: Activation.None, Bias: null, Residual: null, Gate: null, Output.Storage: Storage.Transient } product
                    && i + 1 < graph.Ops.Count && graph.Ops[i + 1] is SwiGlu next && next.Input == product.Output
                    && readers[product.Output] == 1 && !graph.Kept.Contains(product.Output) && backend.FusesSwiGlu(product))
                {
                    yield return new MatMul(product.Name, product.Input, product.Weight, next.Output, activation: Activation.SwiGlu);
                    i++;
                }
                else
                {
                    yield return graph.Ops[i];
                }
            }
        }
    }
}
