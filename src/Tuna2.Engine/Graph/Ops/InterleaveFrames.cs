namespace Tuna2.Engine.Graph.Ops;

/// <summary>Every frame becomes two: the first half of its channels is the earlier one, the second half the later.</summary>
public sealed class InterleaveFrames(string name, Value input, Grid size, Value output) : Op(name)
{
    /// <summary>(frames x height x width, 2 x channels).</summary>
    public Value Input { get; } = input;

    /// <summary>The input's size.</summary>
    public Grid Size { get; } = size;

    /// <summary>(2 frames x height x width, channels).</summary>
    public Value Output { get; } = output;

    /// <inheritdoc/>
    public override IEnumerable<Value> Reads => [Input];

    /// <inheritdoc/>
    public override IEnumerable<Value> Writes => [Output];
}
