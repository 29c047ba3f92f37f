namespace Tuna2.Engine.Graph.Ops;

/// <summary>Copies the rows the batch's <see cref="Batch.Picked"/> name, in order: what the language head is asked about.</summary>
public sealed class PickRows(string name, Value input, Value output) : Op(name)
{
    /// <summary>(tokens, columns).</summary>
    public Value Input { get; } = input;

    /// <summary>(picked, columns).</summary>
    public Value Output { get; } = output;

    /// <inheritdoc/>
    public override IEnumerable<Value> Reads => [Input];

    /// <inheritdoc/>
    public override IEnumerable<Value> Writes => [Output];
}
