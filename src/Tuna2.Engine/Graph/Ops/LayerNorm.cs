namespace Tuna2.Engine.Graph.Ops;

/// <summary>y = (x - mean(x)) / sqrt(var(x) + eps) * weight + bias, the variance over all columns (MODEL.md section 3, SigLIP 2's norm).</summary>
public sealed class LayerNorm(string name, Value input, Weight weight, Weight bias, float epsilon, Value output) : Op(name)
{
    /// <summary>(rows, columns).</summary>
    public Value Input { get; } = input;

    /// <summary>(columns).</summary>
    public Weight Weight { get; } = weight;

    /// <summary>(columns).</summary>
    public Weight Bias { get; } = bias;

    /// <summary>Added to the variance.</summary>
    public float Epsilon { get; } = epsilon;

    /// <summary>(rows, columns).</summary>
    public Value Output { get; } = output;

    /// <inheritdoc/>
    public override IEnumerable<Value> Reads => [Input];

    /// <inheritdoc/>
    public override IEnumerable<Value> Writes => [Output];

    /// <inheritdoc/>
    public override Value? Replaceable => Input;
}
