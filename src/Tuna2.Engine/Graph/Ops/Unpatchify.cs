namespace Tuna2.Engine.Graph.Ops;

/// <summary>
/// Turns the flow head's rows into planar pictures. In raster layout (the released models) token i's values are consecutive
/// pixels of the flattened picture, channel fastest: value 3q + c is channel c of pixel 256 i + q. In patch layout they are
/// the token's own block, (y, x, channel) (MODEL.md 3.7).
/// </summary>
public sealed class Unpatchify(string name, Value input, Value predictions, int channels, int height, int width, int patch, bool raster) : Op(name)
{
    /// <summary>(tokens, patch x patch x channels).</summary>
    public Value Input { get; } = input;

    /// <summary>(predictions, channels x height x width), written where the batch's <see cref="Batch.Predictions"/> say.</summary>
    public Value Predictions { get; } = predictions;

    /// <summary>Colour planes.</summary>
    public int Channels { get; } = channels;

    /// <summary>Rows of the picture in pixels.</summary>
    public int Height { get; } = height;

    /// <summary>Columns of the picture in pixels.</summary>
    public int Width { get; } = width;

    /// <summary>Side of a patch in pixels.</summary>
    public int Patch { get; } = patch;

    /// <summary>Raster order, as released; false for the blocks' own order.</summary>
    public bool Raster { get; } = raster;

    /// <inheritdoc/>
    public override IEnumerable<Value> Reads => [Input];

    /// <inheritdoc/>
    public override IEnumerable<Value> Writes => [Predictions];
}
