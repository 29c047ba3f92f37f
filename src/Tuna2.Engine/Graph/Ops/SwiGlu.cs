namespace Tuna2.Engine.Graph.Ops;

/// <summary>output = silu(gate) * up, where a row of the input is gate followed by up.</summary>
public sealed class SwiGlu(string name, Value input, Value output) : Op(name)
{
    /// <summary>(rows, 2 x width): gate, up.</summary>
    public Value Input { get; } = input;

    /// <summary>(rows, width).</summary>
    public Value Output { get; } = output;

    /// <inheritdoc/>
    public override IEnumerable<Value> Reads => [Input];

    /// <inheritdoc/>
    public override IEnumerable<Value> Writes => [Output];
}
