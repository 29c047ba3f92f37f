namespace Tuna2.Engine;

/// <summary>A measured part of the model.</summary>
/// <param name="Name">"prefill", "step" or "token".</param>
/// <param name="Detail">What it was: "512x512, 2 branches".</param>
/// <param name="Seconds">Seconds of one, the median of the rounds.</param>
/// <param name="Low">The fastest round.</param>
/// <param name="High">The slowest round.</param>
/// <param name="Flops">Floating-point operations of its products, at least.</param>
/// <param name="Bytes">Bytes its products must move, at least: each matrix, input and output once.</param>
public sealed record BenchmarkRow(string Name, string Detail, double Seconds, double Low, double High, long Flops, long Bytes)
{
    /// <summary>Operations per second, in billions.</summary>
    public double GigaflopsPerSecond => Flops / Seconds / 1e9;

    /// <summary>Bytes per second, in billions.</summary>
    public double GigabytesPerSecond => Bytes / Seconds / 1e9;
}
