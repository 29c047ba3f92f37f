namespace Tuna2.Engine.Kernels;

/// <summary>How much there is to attend to, for the cost: what a launch's sequences come to.</summary>
/// <param name="Rows">Rows with queries.</param>
/// <param name="Keys">Cache rows that any of them sees.</param>
/// <param name="VisibleKeys">Keys that rows see, summed over rows.</param>
public readonly record struct AttentionWork(long Rows, long Keys, long VisibleKeys);

/// <summary>What attention costs at least, whatever kernel computes it.</summary>
internal static class AttentionCost
{
    /// <summary>Queries, keys, values and outputs once; two products of the head dim per visible (query, head, key).</summary>
    public static Cost Of(int heads, int kvHeads, int headDim, in AttentionWork work, int elementSize) => new(
        2 * headDim * elementSize * (work.Rows * heads + work.Keys * kvHeads),
        4 * headDim * work.VisibleKeys * heads);
}
