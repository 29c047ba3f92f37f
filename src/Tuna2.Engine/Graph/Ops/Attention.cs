namespace Tuna2.Engine.Graph.Ops;

/// <summary>
/// softmax(q k^T / sqrt(head dim)) v, every query over the keys its sequence lets it see: a prefix length per query, nothing
/// else (MODEL.md 3.3). Queries are the first columns of the projection's rows; keys and values come from the caches.
/// </summary>
public sealed class Attention(string name, Value qkv, AttentionShape shape, Value keys, Value values, Value output, Grid? picture = null) : Op(name)
{
    /// <summary>(rows, (heads + 2 x kv heads) x head dim); only the query columns are read.</summary>
    public Value Qkv { get; } = qkv;

    /// <summary>Heads and their width.</summary>
    public AttentionShape Shape { get; } = shape;

    /// <summary>(capacity, kv heads x head dim).</summary>
    public Value Keys { get; } = keys;

    /// <summary>(capacity, kv heads x head dim).</summary>
    public Value Values { get; } = values;

    /// <summary>(rows, heads x head dim).</summary>
    public Value Output { get; } = output;

    /// <summary>In the vision encoder, the patches of a picture: each picture attends to itself. Null among tokens.</summary>
    public Grid? Picture { get; } = picture;

    /// <inheritdoc/>
    public override IEnumerable<Value> Reads => [Qkv, Keys, Values];

    /// <inheritdoc/>
    public override IEnumerable<Value> Writes => [Output];
}
