namespace Tuna2.Engine.Kernels;

/// <summary>What attention costs at least, whatever kernel computes it.</summary>
internal static class AttentionCost
{
    /// <summary>Two products of the head dim per visible (query, head, key); queries, keys and outputs once.</summary>
    public static Cost Of(int heads, int kvHeads, int headDim, long visibleKeys, int elementSize) =>
        new(2 * visibleKeys * kvHeads * headDim * elementSize / Math.Max(heads, 1), 4 * visibleKeys * heads * headDim);
}
