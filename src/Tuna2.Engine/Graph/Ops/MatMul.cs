namespace Tuna2.Engine.Graph.Ops;

/// <summary>
/// output = residual + gate * activation(input x weight^T + bias): a linear layer with what usually follows it. Residual, gate,
/// activation and bias are optional; the gate is the AdaLN vector of the row's sequence (1 for text). With
/// <see cref="Activation.SwiGlu"/> output = silu(input x weight[:out]^T) * input x weight[out:]^T, and nothing else follows.
/// </summary>
public sealed class MatMul(
    string name, Value input, Weight weight, Value output, Weight? bias = null, Value? residual = null, Modulation? gate = null, Activation activation = Activation.None) : Op(name)
{
    /// <summary>Up to so many rows a product streams its weight and computes what it likes: the input is not rounded.</summary>
    public const int FewRows = 4;

    /// <summary>(rows, in).</summary>
    public Value Input { get; } = input;

    /// <summary>(out, in), checkpoint layout; (2 out, in) with SwiGLU.</summary>
    public Weight Weight { get; } = weight.Columns == input.Columns && weight.Rows == output.Columns * activation.Products()
        ? weight
        : throw new ArgumentException($"{name}: {weight} does not map {input} to {output}");

    /// <summary>
    /// Where the weight is <see cref="Precision.Fp8"/>, the input as a product of such numbers reads it, (rows, in): every row rounded to E4M3 by a
    /// power of two of its own. A backend that multiplies bytes may keep them there with their scales, which take no more. Null elsewhere, and where there are never more than <see cref="FewRows"/> rows.
    /// </summary>
    public Value? Rounded { get; } = weight.Precision == Precision.Fp8 && input.Rows.Max > FewRows
        ? new($"{name}.rounded", input.Rows, input.Columns, Storage.Transient, input.Element)
        : null;

    /// <summary>(rows, out).</summary>
    public Value Output { get; } = output;

    /// <summary>(out), or null.</summary>
    public Weight? Bias { get; } = bias;

    /// <summary>(rows, out), or null.</summary>
    public Value? Residual { get; } = residual is null || residual.Columns == output.Columns
        ? residual
        : throw new ArgumentException($"{name}: {residual} cannot be added to {output}");

    /// <summary>AdaLN gate, or null for 1.</summary>
    public Modulation? Gate { get; } = gate;

    /// <summary>What sum and bias go through, in float32 whatever the output is rounded to.</summary>
    public Activation Activation { get; } = activation != Activation.SwiGlu || (bias is null && residual is null && gate is null)
        ? activation
        : throw new ArgumentException($"{name}: nothing follows SwiGLU");

    /// <summary>Floating-point operations of the rows that run.</summary>
    public long Flops => 2L * Input.Rows.Value * Weight.Count;

    /// <summary>Bytes it must move at least: matrix, input and output once.</summary>
    /// <param name="activationBytes">Of an activation on the backend that runs it.</param>
    public long Bytes(int activationBytes) => Weight.Bytes
        + (long)Input.Rows.Value * (Input.Columns * Input.ElementBytes(activationBytes) + Output.Columns * Output.ElementBytes(activationBytes));

    /// <inheritdoc/>
    public override IEnumerable<Value> Reads
    {
        get
        {
            yield return Input;
            if (Residual is not null)
                yield return Residual;
            if (Gate is { } gate)
                yield return gate.Table;
        }
    }

    /// <inheritdoc/>
    public override IEnumerable<Value> Writes => [Output];

    /// <inheritdoc/>
    public override IEnumerable<Value> Scratch => Rounded is null ? [] : [Rounded];

    /// <summary>The residual, unless it is the input too: every element of an input row is needed until the output row is done.</summary>
    public override Value? Replaceable => Residual == Input ? null : Residual;
}
