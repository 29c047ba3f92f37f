namespace Tuna2.Engine.Graph.Ops;

/// <summary>
/// Planes to pixels of a quarter as many with four times the channels: channel 4c + 2 dx + dy (MODEL.md section 7, official
/// patchify of wan22_vae.py), and frames kept.
/// </summary>
public sealed class SpaceToDepth(string name, Value planes, Grid size, Value output) : Op(name)
{
    /// <summary>Side of the blocks that become channels.</summary>
    public const int Side = 2;

    /// <summary>(1, channels x frames x height x width) float32.</summary>
    public Value Planes { get; } = planes;

    /// <summary>The planes' size; height and width are even.</summary>
    public Grid Size { get; } = size;

    /// <summary>(frames x height/2 x width/2, channels x 4).</summary>
    public Value Output { get; } = output;

    /// <inheritdoc/>
    public override IEnumerable<Value> Reads => [Planes];

    /// <inheritdoc/>
    public override IEnumerable<Value> Writes => [Output];
}
