namespace Tuna2.Engine.Graph.Ops;

/// <summary>Which form of GELU.</summary>
public enum GeluForm
{
    /// <summary>x / 2 * (1 + erf(x / sqrt 2)): the projector's.</summary>
    Exact,

    /// <summary>x / 2 * (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))): SigLIP's.</summary>
    Tanh,
}

/// <summary>The Gaussian error linear unit of every element.</summary>
public sealed class Gelu(string name, Value input, GeluForm form, Value output) : Op(name)
{
    /// <summary>(rows, columns).</summary>
    public Value Input { get; } = input;

    /// <summary>Exact, or by tanh.</summary>
    public GeluForm Form { get; } = form;

    /// <summary>(rows, columns).</summary>
    public Value Output { get; } = output;

    /// <inheritdoc/>
    public override IEnumerable<Value> Reads => [Input];

    /// <inheritdoc/>
    public override IEnumerable<Value> Writes => [Output];

    /// <inheritdoc/>
    public override Value? Replaceable => Input;
}
