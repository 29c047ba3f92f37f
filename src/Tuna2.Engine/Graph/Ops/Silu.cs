namespace Tuna2.Engine.Graph.Ops;

/// <summary>output = x / (1 + exp(-x)).</summary>
public sealed class Silu(string name, Value input, Value output) : Op(name)
{
    /// <summary>(rows, columns).</summary>
    public Value Input { get; } = input;

    /// <summary>(rows, columns).</summary>
    public Value Output { get; } = output;

    /// <inheritdoc/>
    public override IEnumerable<Value> Reads => [Input];

    /// <inheritdoc/>
    public override IEnumerable<Value> Writes => [Output];

    /// <inheritdoc/>
    public override Value? Replaceable => Input;
}
