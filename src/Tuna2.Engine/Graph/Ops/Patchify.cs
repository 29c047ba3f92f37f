namespace Tuna2.Engine.Graph.Ops;

/// <summary>
/// The whole vision encoder of Tuna-2: Conv2d with kernel = stride = patch over the planar picture, bias, RMSNorm, written
/// straight into the rows the batch's <see cref="Batch.Patches"/> name (MODEL.md 3.1, official vision/patch_embed.py).
/// A patch is read as (channel, y, x), the layout of the convolution's weight.
/// </summary>
public sealed class Patchify(string name, Value pictures, Weight weight, Weight bias, Weight norm, float epsilon,
    int patch, int channels, int height, int width, int maxPictures, Value output) : Op(name)
{
    /// <summary>(pictures, channels x height x width) float32 planes in -1..1, or noise.</summary>
    public Value Pictures { get; } = pictures;

    /// <summary>(hidden, channels x patch x patch).</summary>
    public Weight Weight { get; } = weight;

    /// <summary>(hidden).</summary>
    public Weight Bias { get; } = bias;

    /// <summary>(hidden): weight of the RMSNorm over a patch's features.</summary>
    public Weight Norm { get; } = norm;

    /// <summary>The norm's epsilon, a model constant (patch_norm_eps).</summary>
    public float Epsilon { get; } = epsilon;

    /// <summary>Side of a patch in pixels.</summary>
    public int Patch { get; } = patch;

    /// <summary>Colour planes of a picture.</summary>
    public int Channels { get; } = channels;

    /// <summary>Rows of a picture in pixels.</summary>
    public int Height { get; } = height;

    /// <summary>Columns of a picture in pixels.</summary>
    public int Width { get; } = width;

    /// <summary>(tokens, hidden), written in part.</summary>
    public Value Output { get; } = output;

    /// <summary>Patches of one picture.</summary>
    public int PatchCount => Height / Patch * (Width / Patch);

    /// <summary>Gathered patches, (patches, channels x patch x patch).</summary>
    public Value Gathered { get; } = new($"{name}.gathered", new Extent("patches", height / patch * (width / patch) * maxPictures), channels * patch * patch, Storage.Transient);

    /// <summary>Features before they are placed, (patches, hidden).</summary>
    public Value Features { get; } = new($"{name}.features", new Extent("patches", height / patch * (width / patch) * maxPictures), weight.Rows, Storage.Transient);

    /// <inheritdoc/>
    public override IEnumerable<Value> Reads => [Pictures];

    /// <inheritdoc/>
    public override IEnumerable<Value> Writes => [Output];

    /// <inheritdoc/>
    public override IEnumerable<Value> Scratch => [Gathered, Features];
}
