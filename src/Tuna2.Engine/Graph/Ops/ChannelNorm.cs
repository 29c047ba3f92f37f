namespace Tuna2.Engine.Graph.Ops;

/// <summary>
/// y = SiLU(x / max(|x|, 1e-12) * sqrt(channels) * gamma), |x| the length of a pixel's channels; without the SiLU where it is
/// not asked for (MODEL.md section 7, official RMS_norm).
/// </summary>
public sealed class ChannelNorm(string name, Value input, Weight gamma, bool silu, Value output) : Op(name)
{
    /// <summary>The least length that is divided by.</summary>
    public const float LeastLength = 1e-12f;

    /// <summary>(pixels, channels).</summary>
    public Value Input { get; } = input;

    /// <summary>(channels).</summary>
    public Weight Gamma { get; } = gamma;

    /// <summary>Whether SiLU follows.</summary>
    public bool Silu { get; } = silu;

    /// <summary>(pixels, channels).</summary>
    public Value Output { get; } = output;

    /// <inheritdoc/>
    public override IEnumerable<Value> Reads => [Input];

    /// <inheritdoc/>
    public override IEnumerable<Value> Writes => [Output];

    /// <inheritdoc/>
    public override Value? Replaceable => Input;
}
