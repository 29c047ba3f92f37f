namespace Tuna2.Engine.Graph.Ops;

/// <summary>The inverse of <see cref="SpaceToDepth"/>: pixels with four times the channels to planes of twice the sides.</summary>
public sealed class DepthToSpace(string name, Value input, Grid size, Value planes) : Op(name)
{
    /// <summary>(frames x height/2 x width/2, channels x 4).</summary>
    public Value Input { get; } = input;

    /// <summary>The planes' size; height and width are even.</summary>
    public Grid Size { get; } = size;

    /// <summary>(1, channels x frames x height x width) float32.</summary>
    public Value Planes { get; } = planes;

    /// <inheritdoc/>
    public override IEnumerable<Value> Reads => [Input];

    /// <inheritdoc/>
    public override IEnumerable<Value> Writes => [Planes];
}
