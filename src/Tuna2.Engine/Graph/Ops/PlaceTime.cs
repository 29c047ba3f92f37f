namespace Tuna2.Engine.Graph.Ops;

/// <summary>Copies time embeddings into the rows the batch's <see cref="Batch.Times"/> name.</summary>
public sealed class PlaceTime(string name, Value embeddings, Value output) : Op(name)
{
    /// <summary>(times, hidden).</summary>
    public Value Embeddings { get; } = embeddings;

    /// <summary>(tokens, hidden), written in part.</summary>
    public Value Output { get; } = output;

    /// <inheritdoc/>
    public override IEnumerable<Value> Reads => [Embeddings];

    /// <inheritdoc/>
    public override IEnumerable<Value> Writes => [Output];
}
