namespace Tuna2.Engine.Graph.Ops;

/// <summary>
/// y = x / sqrt(mean(x^2) + eps) * weight, then y * (1 + scale) + shift where the row's sequence is modulated (AdaLN-Zero).
/// </summary>
public sealed class RmsNorm(string name, Value input, Weight weight, float epsilon, Value output, Modulation? shift = null, Modulation? scale = null) : Op(name)
{
    /// <summary>(rows, hidden).</summary>
    public Value Input { get; } = input;

    /// <summary>(hidden).</summary>
    public Weight Weight { get; } = weight;

    /// <summary>Added to the mean square.</summary>
    public float Epsilon { get; } = epsilon;

    /// <summary>(rows, hidden).</summary>
    public Value Output { get; } = output;

    /// <summary>AdaLN shift; null for a plain norm.</summary>
    public Modulation? Shift { get; } = shift;

    /// <summary>AdaLN scale, of the shift's table; null for a plain norm.</summary>
    public Modulation? Scale { get; } = scale?.Table == shift?.Table
        ? scale
        : throw new ArgumentException($"{name}: shift and scale are vectors of one table, or neither is there");

    /// <inheritdoc/>
    public override IEnumerable<Value> Reads => Shift is { } m ? [Input, m.Table] : [Input];

    /// <inheritdoc/>
    public override IEnumerable<Value> Writes => [Output];

    /// <inheritdoc/>
    public override Value? Replaceable => Input;
}
