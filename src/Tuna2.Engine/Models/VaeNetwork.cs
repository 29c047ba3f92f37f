using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Models;

/// <summary>
/// The Wan 2.2 VAE, piece by piece in time (MODEL.md section 7, official wan22_vae.py): a clip's first frame alone, then four
/// frames at a time into one latent frame, or one latent frame into four. What a causal convolution needs of the frames before
/// is a state, so the memory does not grow with the clip. A row is a pixel, its columns are channels; all is float32, whatever the
/// backend's activations are.
/// </summary>
/// <param name="config">Its sizes.</param>
/// <param name="weights">Its weights.</param>
/// <param name="past">Gives the state that holds past frames: by name, pixels of a frame, channels and frames.</param>
internal sealed class VaeNetwork(VaeConfig config, VaeWeights weights, Func<string, int, int, int, Value> past)
{
    /// <summary>Frames that the kernels of three look back.</summary>
    private const int LookBack = 2;

    private static readonly ConvShape _conv = new(3, 3, Before: 1, After: 1);
    private static readonly ConvShape _up = new(1, 3, Before: 1, After: 1);
    private static readonly ConvShape _down = new(1, 3, Stride: 2, After: 1);
    private static readonly ConvShape _timeUp = new(3, 1);
    private static readonly ConvShape _timeDown = new(3, 1, FrameStride: 2);

    /// <summary>Values and their size as they pass through the levels.</summary>
    private readonly record struct Clip(Value Rows, Grid Size)
    {
        public int Channels => Rows.Columns;
    }

    /// <summary>Frames of a piece of pixels: the first is one, the others are as many as make one latent frame.</summary>
    public int PieceFrames(VaePiece piece) => piece != VaePiece.Later ? 1 : config.TemporalFactor;

    /// <summary>Pixels (1, 3 x frames x height x width) to moments (latent pixels, 2 z): mean, then logarithm of the variance.</summary>
    public Value Encode(ModelGraph graph, Value planes, Grid size, VaePiece piece)
    {
        const string name = "vae.model.encoder";
        var stack = weights.Encoder;
        var x = New("encoder.patches", new Grid(size.Frames, size.Height / 2, size.Width / 2), stack.In.Weight.Columns / _conv.Taps);
        graph.Add(new SpaceToDepth("encoder.patches", planes, size, x.Rows));
        x = Causal(graph, $"{name}.conv1", x, stack.In, _conv, piece);
        for (var i = 0; i < stack.Levels.Count; i++)
            x = Down(graph, $"{name}.downsamples.{i}", x, stack.Levels[i], config.EncoderChannels[i + 1], piece);
        x = Head(graph, name, Middle(graph, name, x, stack, piece), stack, piece);
        return Product(graph, "vae.model.conv1", x, weights.Moments).Rows;
    }

    /// <summary>Latents (latent pixels, z), one frame, to pixels (1, 3 x frames x height x width), not clamped.</summary>
    public void Decode(ModelGraph graph, Value latents, Grid size, VaePiece piece, Value planes)
    {
        const string name = "vae.model.decoder";
        var stack = weights.Decoder;
        var x = Product(graph, "vae.model.conv2", new Clip(latents, size), weights.Latents);
        x = Causal(graph, $"{name}.conv1", x, stack.In, _conv, piece);
        x = Middle(graph, name, x, stack, piece);
        for (var i = 0; i < stack.Levels.Count; i++)
            x = Up(graph, $"{name}.upsamples.{i}", x, stack.Levels[i], config.DecoderChannels[i + 1], piece);
        x = Head(graph, name, x, stack, piece);
        graph.Add(new DepthToSpace("decoder.patches", x.Rows, new Grid(x.Size.Frames, 2 * x.Size.Height, 2 * x.Size.Width), planes));
    }

    private Clip Down(ModelGraph graph, string name, Clip input, VaeLevel level, int channels, VaePiece piece)
    {
        var x = input;
        for (var b = 0; b < level.Blocks.Count; b++)
            x = Block(graph, $"{name}.downsamples.{b}", x, level.Blocks[b], piece);
        int frames = level.TimeConv is null ? 1 : 2, side = level.Resample is null ? 1 : 2;
        if (level.Resample is { } resample)
        {
            var part = $"{name}.downsamples.{level.Blocks.Count}";
            x = Conv(graph, $"{part}.resample.1", x, null, resample, _down);
            if (level.TimeConv is { } time)
            {
                // The first frame is only remembered; from then on every other frame is computed from itself and two before it.
                var unhalved = x;
                if (piece == VaePiece.Later)
                    x = Conv(graph, $"{part}.time_conv", x, Past($"{part}.time_conv", x, 1), time, _timeDown);
                if (piece != VaePiece.Only)
                    graph.Add(new KeepFrames($"{part}.time_conv.cache", unhalved.Rows, unhalved.Size, Past($"{part}.time_conv", unhalved, 1)));
            }
        }
        var output = New($"{name}.output", x.Size, channels);
        graph.Add(new AverageDown($"{name}.avg_shortcut", input.Rows, input.Size, frames, side, x.Rows, output.Rows));
        return output;
    }

    private Clip Up(ModelGraph graph, string name, Clip input, VaeLevel level, int channels, VaePiece piece)
    {
        var x = input;
        for (var b = 0; b < level.Blocks.Count; b++)
            x = Block(graph, $"{name}.upsamples.{b}", x, level.Blocks[b], piece);
        if (level.Resample is not { } resample)
            return x;
        var part = $"{name}.upsamples.{level.Blocks.Count}";
        if (level.TimeConv is { } time && piece == VaePiece.Later)
        {
            // The clip's first frame stays single and is not even remembered: the next ones have zeros before them.
            var pairs = Causal(graph, $"{part}.time_conv", x, time, _timeUp, piece);
            x = New($"{part}.frames", x.Size with { Frames = 2 * x.Size.Frames }, channels);
            graph.Add(new InterleaveFrames($"{part}.frames", pairs.Rows, pairs.Size, x.Rows));
        }
        var large = New($"{part}.resample.0", new Grid(x.Size.Frames, 2 * x.Size.Height, 2 * x.Size.Width), channels);
        graph.Add(new UpsampleNearest($"{part}.resample.0", x.Rows, x.Size, large.Rows));
        x = Conv(graph, $"{part}.resample.1", large, null, resample, _up);
        var output = New($"{name}.output", x.Size, channels);
        graph.Add(new DuplicateUp($"{name}.avg_shortcut", input.Rows, input.Size, level.TimeConv is null ? 1 : 2, 2, piece != VaePiece.Later, x.Rows, output.Rows));
        return output;
    }

    private Clip Middle(ModelGraph graph, string name, Clip x, VaeStack stack, VaePiece piece)
    {
        x = Block(graph, $"{name}.middle.0", x, stack.Middle0, piece);
        x = Attend(graph, $"{name}.middle.1", x, stack.Middle1);
        return Block(graph, $"{name}.middle.2", x, stack.Middle2, piece);
    }

    private Clip Head(ModelGraph graph, string name, Clip x, VaeStack stack, VaePiece piece) =>
        Causal(graph, $"{name}.head.2", Norm(graph, $"{name}.head.0", x, stack.HeadNorm, silu: true), stack.Head, _conv, piece);

    private Clip Block(ModelGraph graph, string name, Clip x, VaeBlock block, VaePiece piece)
    {
        var shortcut = block.Shortcut is { } linear ? Product(graph, $"{name}.shortcut", x, linear) : x;
        var h = Causal(graph, $"{name}.residual.2", Norm(graph, $"{name}.residual.0", x, block.Norm1, silu: true), block.Conv1, _conv, piece);
        return Causal(graph, $"{name}.residual.6", Norm(graph, $"{name}.residual.3", h, block.Norm2, silu: true), block.Conv2, _conv, piece, shortcut.Rows);
    }

    /// <summary>Every pixel of a frame attends to every pixel of it.</summary>
    private static Clip Attend(ModelGraph graph, string name, Clip x, VaeAttention attention)
    {
        var shape = new AttentionShape(1, 1, x.Channels);
        var frame = x.Size with { Frames = 1 };
        var normed = Norm(graph, $"{name}.norm", x, attention.Norm, silu: false);
        var qkv = Product(graph, $"{name}.to_qkv", normed, attention.Qkv).Rows;
        Value keys = New($"{name}.keys", x.Size, x.Channels).Rows, values = New($"{name}.values", x.Size, x.Channels).Rows, mixed = New($"{name}.mixed", x.Size, x.Channels).Rows;
        graph.Add(new QkvToCache($"{name}.split", qkv, shape, null, null, null, 0, keys, values, frame));
        graph.Add(new Attention(name, qkv, shape, keys, values, mixed, frame));
        var output = New($"{name}.output", x.Size, x.Channels);
        graph.Add(new MatMul($"{name}.proj", mixed, attention.Output.Weight, output.Rows, attention.Output.Bias, residual: x.Rows));
        return output;
    }

    private static Clip Norm(ModelGraph graph, string name, Clip x, Weight gamma, bool silu)
    {
        var output = New(name, x.Size, x.Channels);
        graph.Add(new ChannelNorm(name, x.Rows, gamma, silu, output.Rows));
        return output;
    }

    /// <summary>A convolution of one pixel.</summary>
    private static Clip Product(ModelGraph graph, string name, Clip x, Linear linear)
    {
        var output = New(name, x.Size, linear.Weight.Rows);
        graph.Add(new MatMul(name, x.Rows, linear.Weight, output.Rows, linear.Bias));
        return output;
    }

    /// <summary>A convolution that looks back: before a clip are zeros, before a later piece what was remembered of its input.</summary>
    private Clip Causal(ModelGraph graph, string name, Clip x, Linear linear, ConvShape shape, VaePiece piece, Value? residual = null)
    {
        var output = piece == VaePiece.Later
            ? Conv(graph, name, x, Past(name, x, LookBack), linear, shape, residual)
            : Conv(graph, name, x, null, linear, shape, residual, zeroFrames: LookBack);
        if (piece != VaePiece.Only)
            graph.Add(new KeepFrames($"{name}.cache", x.Rows, x.Size, Past(name, x, LookBack)));
        return output;
    }

    private static Clip Conv(ModelGraph graph, string name, Clip x, Value? cache, Linear linear, ConvShape shape, Value? residual = null, int zeroFrames = 0)
    {
        var before = zeroFrames + (cache is null ? 0 : cache.Rows.Max / (x.Size.Height * x.Size.Width));
        var output = New(name, shape.Output(x.Size, before), linear.Weight.Rows);
        graph.Add(new Conv3d(name, x.Rows, x.Size, cache, linear.Weight, linear.Bias!, shape, output.Rows, residual, zeroFrames));
        return output;
    }

    private Value Past(string name, Clip x, int frames) => past($"{name}.past", x.Size.Height * x.Size.Width, x.Channels, frames);

    private static Clip New(string name, Grid size, int channels) =>
        new(ModelGraph.Transient(name, new Extent("pixels", size.Count), channels, ValueElement.Float32), size);
}
