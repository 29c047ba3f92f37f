namespace Tuna2.Engine.Graph.Ops;

/// <summary>Every pixel becomes a square of four.</summary>
public sealed class UpsampleNearest(string name, Value input, Grid size, Value output) : Op(name)
{
    /// <summary>(frames x height x width, channels).</summary>
    public Value Input { get; } = input;

    /// <summary>The input's size.</summary>
    public Grid Size { get; } = size;

    /// <summary>(frames x 2 height x 2 width, channels).</summary>
    public Value Output { get; } = output;

    /// <inheritdoc/>
    public override IEnumerable<Value> Reads => [Input];

    /// <inheritdoc/>
    public override IEnumerable<Value> Writes => [Output];
}
