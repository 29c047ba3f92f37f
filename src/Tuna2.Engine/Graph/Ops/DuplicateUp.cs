namespace Tuna2.Engine.Graph.Ops;

/// <summary>
/// output = main + a level's shortcut up: channels repeated until they fill blocks of (frames, 2, 2) pixels in the order
/// (channel, frame, row, column) (MODEL.md section 7, official DupUp3D). Of a clip's first frame only the last copy stays.
/// </summary>
public sealed class DuplicateUp(string name, Value input, Grid size, int frames, int side, bool first, Value main, Value output) : Op(name)
{
    /// <summary>(frames x height x width, channels in): what entered the level.</summary>
    public Value Input { get; } = input;

    /// <summary>The input's size.</summary>
    public Grid Size { get; } = size;

    /// <summary>Frames of a block.</summary>
    public int Frames { get; } = frames;

    /// <summary>Rows and columns of a block.</summary>
    public int Side { get; } = side;

    /// <summary>Frames left out at the front: those of a clip's beginning.</summary>
    public int Dropped { get; } = first ? frames - 1 : 0;

    /// <summary>(pixels out, channels out): what came through the level.</summary>
    public Value Main { get; } = main;

    /// <summary>(pixels out, channels out).</summary>
    public Value Output { get; } = output;

    /// <summary>Copies of an input channel.</summary>
    public int Repeats => Output.Columns * Frames * Side * Side / Input.Columns;

    /// <inheritdoc/>
    public override IEnumerable<Value> Reads => [Main, Input];

    /// <inheritdoc/>
    public override IEnumerable<Value> Writes => [Output];

    /// <inheritdoc/>
    public override Value? Replaceable => Main;
}
