namespace Tuna2.Engine.Graph.Ops;

/// <summary>Rows of the embedding table for the batch's token ids; rows with id -1 are left alone.</summary>
/// <param name="name">Checkpoint name.</param>
/// <param name="table">(vocabulary, hidden).</param>
/// <param name="output">(tokens, hidden), written in part.</param>
public sealed class EmbeddingGather(string name, Weight table, Value output) : Op(name)
{
    /// <summary>(vocabulary, hidden).</summary>
    public Weight Table { get; } = table;

    /// <summary>(tokens, hidden).</summary>
    public Value Output { get; } = output;

    /// <inheritdoc/>
    public override IEnumerable<Value> Reads => [];

    /// <inheritdoc/>
    public override IEnumerable<Value> Writes => [Output];
}
