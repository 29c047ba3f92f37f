namespace Tuna2.Engine.Graph.Ops;

/// <summary>
/// 256 sinusoids of a time: cosines first, then sines, frequencies exp(-ln(10000) i / 128) (MODEL.md 3.1, official
/// TimestepEmbedder).
/// </summary>
public sealed class TimestepSinusoids(string name, Value times, Value output) : Op(name)
{
    /// <summary>(times, 1).</summary>
    public Value Times { get; } = times;

    /// <summary>(times, 256).</summary>
    public Value Output { get; } = output;

    /// <inheritdoc/>
    public override IEnumerable<Value> Reads => [Times];

    /// <inheritdoc/>
    public override IEnumerable<Value> Writes => [Output];
}
