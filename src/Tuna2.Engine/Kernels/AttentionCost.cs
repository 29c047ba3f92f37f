namespace Tuna2.Engine.Kernels;

/// <summary>What attention costs at least, whatever kernel computes it.</summary>
internal static class AttentionCost
{
    /// <summary>
    /// Two products of the head dim per visible (query, head, key). Queries and outputs once; keys and values once too, counted as those
    /// a row sees on average: other sequences have keys of their own, which are few beside the queries.
    /// </summary>
    /// <param name="heads">Query heads.</param>
    /// <param name="kvHeads">Key heads.</param>
    /// <param name="headDim">Elements of a head.</param>
    /// <param name="packedRows">Rows times heads per key head, in whole tiles.</param>
    /// <param name="visibleKeys">Keys that rows see, summed over rows.</param>
    /// <param name="elementSize">Bytes of an element.</param>
    public static Cost Of(int heads, int kvHeads, int headDim, long packedRows, long visibleKeys, int elementSize)
    {
        var rows = Math.Max(1, packedRows * kvHeads / Math.Max(heads, 1));
        return new(2 * (rows * heads + visibleKeys / rows * kvHeads) * headDim * elementSize, 4 * visibleKeys * heads * headDim);
    }
}
