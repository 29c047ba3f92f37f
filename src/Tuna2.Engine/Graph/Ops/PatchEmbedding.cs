namespace Tuna2.Engine.Graph.Ops;

/// <summary>
/// SigLIP's way in: Conv2d with kernel = stride = patch and bias, plus a learned position per patch (MODEL.md section 3). The
/// positions are a square table, used as it is for a picture of its own grid, else resized to the picture's by torch's bicubic
/// (A = -0.75, half-pixel centres, edge clamp, no antialiasing). The pictures are those of the batch's
/// <see cref="Batch.Patches"/>, one behind the other; of a clip every frame is a picture of its own.
/// </summary>
public sealed class PatchEmbedding(string name, Value pictures, Weight weight, Weight bias, Weight positions,
    int patch, int channels, int height, int width, Value output, int frames = 1) : Op(name)
{
    /// <summary>(pictures, channels x frames x height x width) float32 planes.</summary>
    public Value Pictures { get; } = pictures;

    /// <summary>(hidden, channels x patch x patch).</summary>
    public Weight Weight { get; } = weight;

    /// <summary>(hidden).</summary>
    public Weight Bias { get; } = bias;

    /// <summary>(side x side, hidden): the learned table, row-major.</summary>
    public Weight Positions { get; } = positions;

    /// <summary>Side of the table.</summary>
    public int Side { get; } = (int)Math.Sqrt(positions.Rows) is var side && side * side == positions.Rows
        ? side
        : throw new ArgumentException($"{name}: a table of {positions.Rows} positions is not square");

    /// <summary>Side of a patch in pixels.</summary>
    public int Patch { get; } = patch;

    /// <summary>Planes of a picture.</summary>
    public int Channels { get; } = channels;

    /// <summary>Frames of a picture: more than one in a clip.</summary>
    public int Frames { get; } = frames;

    /// <summary>Rows of a picture in pixels.</summary>
    public int Height { get; } = height;

    /// <summary>Columns of a picture in pixels.</summary>
    public int Width { get; } = width;

    /// <summary>(pictures x frames x patches, hidden).</summary>
    public Value Output { get; } = output;

    /// <summary>Gathered patches, (pictures x frames x patches, channels x patch x patch).</summary>
    public Value Gathered { get; } = new($"{name}.gathered", output.Rows, channels * patch * patch, Storage.Transient);

    /// <inheritdoc/>
    public override IEnumerable<Value> Reads => [Pictures];

    /// <inheritdoc/>
    public override IEnumerable<Value> Writes => [Output];

    /// <inheritdoc/>
    public override IEnumerable<Value> Scratch => [Gathered];
}
