namespace Tuna2.Engine.Graph.Ops;

/// <summary>Grouped-query attention: <paramref name="Heads"/> query heads share <paramref name="KvHeads"/> key/value heads.</summary>
/// <param name="Heads">Query heads.</param>
/// <param name="KvHeads">Key and value heads; divides <paramref name="Heads"/>.</param>
/// <param name="HeadDim">Elements of a head.</param>
public readonly record struct AttentionShape(int Heads, int KvHeads, int HeadDim)
{
    /// <summary>Query heads that share a key head.</summary>
    public int Group => Heads / KvHeads;

    /// <summary>Columns of the queries, and of the output.</summary>
    public int QueryColumns => Heads * HeadDim;

    /// <summary>Columns of the keys, and of the values.</summary>
    public int KvColumns => KvHeads * HeadDim;

    /// <summary>Columns of the stacked projection.</summary>
    public int QkvColumns => QueryColumns + 2 * KvColumns;
}
