namespace Tuna2.Engine.Graph.Ops;

/// <summary>
/// Copies what is kept of every sequence's prefix, keys or values of a layer, to where the sequence's own will follow: attention
/// wants them in one piece, and what a span adds is of use within its layer alone, so all layers have one piece of memory for it.
/// A prefix is kept once, however many sequences stand behind it.
/// </summary>
public sealed class RecallPrefix(string name, Value kept, int perPrefix, Value output) : Op(name)
{
    /// <summary>(prefixes x rows of a prefix, kv heads x head dim); the batch's Prefixes say which is a sequence's.</summary>
    public Value Kept { get; } = kept;

    /// <summary>Rows there are of a prefix; the sequence's PrefixLen says how many hold something.</summary>
    public int PerPrefix { get; } = perPrefix;

    /// <summary>(capacity, kv heads x head dim), written in part: from each sequence's KvBase on.</summary>
    public Value Output { get; } = output;

    /// <inheritdoc/>
    public override IEnumerable<Value> Reads => [Kept];

    /// <inheritdoc/>
    public override IEnumerable<Value> Writes => [Output];
}
