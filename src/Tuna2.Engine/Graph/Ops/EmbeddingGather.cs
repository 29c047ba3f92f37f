namespace Tuna2.Engine.Graph.Ops;

/// <summary>Rows of the embedding table for token ids, the batch's or those a run before left; rows with id -1 are left alone.</summary>
/// <param name="name">Checkpoint name.</param>
/// <param name="table">(vocabulary, hidden).</param>
/// <param name="output">(tokens, hidden), written in part.</param>
/// <param name="tokens">(tokens, 1) of 32-bit integers, as <see cref="SampleToken"/> writes them; null for the batch's.</param>
public sealed class EmbeddingGather(string name, Weight table, Value output, Value? tokens = null) : Op(name)
{
    /// <summary>(vocabulary, hidden).</summary>
    public Weight Table { get; } = table;

    /// <summary>(tokens, hidden).</summary>
    public Value Output { get; } = output;

    /// <summary>(tokens, 1) of 32-bit integers; null for the batch's.</summary>
    public Value? Tokens { get; } = tokens;

    /// <inheritdoc/>
    public override IEnumerable<Value> Reads => Tokens is null ? [] : [Tokens];

    /// <inheritdoc/>
    public override IEnumerable<Value> Writes => [Output];
}
