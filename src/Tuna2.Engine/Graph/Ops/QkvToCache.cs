namespace Tuna2.Engine.Graph.Ops;

/// <summary>
/// Splits projected rows into heads: queries get their norm and rotary embedding in place, keys likewise on their way into the
/// K cache, values go into the V cache. A row's place in the caches is its sequence's KvBase + PrefixLen + row, so a span's
/// keys stand right behind its prefix's.
/// </summary>
public sealed class QkvToCache(string name, Value qkv, AttentionShape shape, RotaryEmbedding? rotary,
    Weight? queryNorm, Weight? keyNorm, float normEpsilon, Value keys, Value values, Grid? picture = null) : Op(name)
{
    /// <summary>(rows, (heads + 2 x kv heads) x head dim): q, k, v. The query columns are updated in place.</summary>
    public Value Qkv { get; } = qkv;

    /// <summary>Heads and their width.</summary>
    public AttentionShape Shape { get; } = shape;

    /// <summary>Which rotary embedding a row gets; null for none.</summary>
    public RotaryEmbedding? Rotary { get; } = rotary;

    /// <summary>In the vision encoder, the patches of a picture: its keys are its own. Null among tokens.</summary>
    public Grid? Picture { get; } = picture;

    /// <summary>(head dim) RMSNorm weight of the queries, or null.</summary>
    public Weight? QueryNorm { get; } = queryNorm;

    /// <summary>(head dim) RMSNorm weight of the keys, or null.</summary>
    public Weight? KeyNorm { get; } = keyNorm;

    /// <summary>Epsilon of both norms.</summary>
    public float NormEpsilon { get; } = normEpsilon;

    /// <summary>(capacity, kv heads x head dim).</summary>
    public Value Keys { get; } = keys;

    /// <summary>(capacity, kv heads x head dim).</summary>
    public Value Values { get; } = values;

    /// <inheritdoc/>
    public override IEnumerable<Value> Reads => [Qkv];

    /// <inheritdoc/>
    public override IEnumerable<Value> Writes => [Qkv, Keys, Values];
}
