namespace Tuna2.Engine.Graph.Ops;

/// <summary>
/// output = main + a level's shortcut down: the channels of a block of (frames, 2, 2) pixels in the order (channel, frame, row,
/// column), the mean of each run of as many as give the output's channels (MODEL.md section 7, official AvgDown3D). Where the
/// frames do not fill a block, zero frames stand in front and count.
/// </summary>
public sealed class AverageDown(string name, Value input, Grid size, int frames, int side, Value main, Value output) : Op(name)
{
    /// <summary>(frames x height x width, channels in): what entered the level.</summary>
    public Value Input { get; } = input;

    /// <summary>The input's size.</summary>
    public Grid Size { get; } = size;

    /// <summary>Frames of a block.</summary>
    public int Frames { get; } = frames;

    /// <summary>Rows and columns of a block.</summary>
    public int Side { get; } = side;

    /// <summary>(pixels out, channels out): what came through the level.</summary>
    public Value Main { get; } = main;

    /// <summary>(pixels out, channels out).</summary>
    public Value Output { get; } = output;

    /// <summary>Values that are averaged into one.</summary>
    public int Group => Input.Columns * Frames * Side * Side / Output.Columns;

    /// <inheritdoc/>
    public override IEnumerable<Value> Reads => [Main, Input];

    /// <inheritdoc/>
    public override IEnumerable<Value> Writes => [Output];

    /// <inheritdoc/>
    public override Value? Replaceable => Main;
}
