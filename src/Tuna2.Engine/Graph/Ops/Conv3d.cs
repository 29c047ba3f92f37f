namespace Tuna2.Engine.Graph.Ops;

/// <summary>
/// A causal convolution over frames, rows and columns (MODEL.md section 7, official CausalConv3d), bias included. A row is a
/// pixel, its columns the channels; pixels are in order of frame, row, column. What came before the clip is in
/// <see cref="Past"/>, so a clip may be computed piece by piece.
/// </summary>
public sealed class Conv3d(string name, Value input, Grid size, Value? past, Weight weight, Weight bias, ConvShape shape, Value output, Value? residual = null, int zeroFrames = 0) : Op(name)
{
    /// <summary>(frames x height x width, channels in).</summary>
    public Value Input { get; } = input;

    /// <summary>The input's size.</summary>
    public Grid Size { get; } = size;

    /// <summary>(past frames x height x width, channels in): the frames before the input's first; null for none.</summary>
    public Value? Past { get; } = past;

    /// <summary>Frames of the past.</summary>
    public int PastFrames { get; } = past is null ? 0 : past.Rows.Max / (size.Height * size.Width);

    /// <summary>Frames of zeros before the past: what a clip has before its first frame. Nobody stores them, and nobody need multiply them.</summary>
    public int ZeroFrames { get; } = zeroFrames;

    /// <summary>(channels out, taps x channels in), a row in the order (frame, row, column, channel).</summary>
    public Weight Weight { get; } = weight.Columns == shape.Taps * input.Columns
        ? weight
        : throw new ArgumentException($"{name}: {weight} does not fit {shape.Taps} taps of {input.Columns} channels");

    /// <summary>(channels out).</summary>
    public Weight Bias { get; } = bias;

    /// <summary>Kernel, strides and padding.</summary>
    public ConvShape Shape { get; } = shape;

    /// <summary>(frames x height x width, channels out) of the output's size.</summary>
    public Value Output { get; } = output;

    /// <summary>Added to the output; null for nothing.</summary>
    public Value? Residual { get; } = residual;

    /// <summary>The output's size.</summary>
    public Grid OutputSize => Shape.Output(Size, ZeroFrames + PastFrames);

    /// <summary>Floating-point operations, of every tap of every pixel: those on zeros are counted, as everybody counts them.</summary>
    public long Flops => 2L * OutputSize.Count * Weight.Count;

    /// <summary>Bytes it must move at least: matrix, input, past and output once.</summary>
    public long Bytes => Weight.Count * (Weight.Precision == Precision.BF16 ? sizeof(ushort) : sizeof(float))
        + (((long)Size.Count + PastFrames * Size.Height * Size.Width) * Input.Columns + (long)OutputSize.Count * Output.Columns) * sizeof(float);

    /// <inheritdoc/>
    public override IEnumerable<Value> Reads => new[] { Input, Past, Residual }.OfType<Value>();

    /// <inheritdoc/>
    public override IEnumerable<Value> Writes => [Output];
}
