using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Tuna2.Bench.Cpu;

/// <summary>
/// The Wan 2.2 VAE's decoder in its true shapes, a picture whole: every convolution, norm, activation and the attention, on both
/// sides. All weights are parts of one block of random numbers: what they are changes no time, and both sides have the same.
/// </summary>
internal sealed class VaeBench : IDisposable
{
    private const int MaxTaps = 27, HeadColumns = 12;

    /// <summary>Pixels a side of a picture whose decoding makes everything ready, and agree.</summary>
    private const int WarmSide = 128;

    private static readonly VaeConfig s_config = new()
    {
        ZDim = 48, BaseDim = 160, DecDim = 256, DimMult = [1, 2, 4, 4], NumResBlocks = 2, TemporalDownsample = [false, true, true],
    };

    private readonly CpuBackend _backend;
    private readonly float[] _numbers;
    private readonly IDeviceBuffer _buffer;
    private readonly VaeWeights _weights;

    public VaeBench(CpuBackend backend)
    {
        _backend = backend;
        var most = s_config.DecoderChannels.Max();
        _numbers = Array.ConvertAll(ProductBench.Random(most * most * MaxTaps, 1), x => x * 0.03f);
        _buffer = backend.Allocate(_numbers.LongLength * sizeof(float), "weights");
        backend.Upload(System.Runtime.InteropServices.MemoryMarshal.AsBytes(_numbers.AsSpan()), _buffer, 0);
        _weights = new(Stack(0, []), Linear(1, 1), Linear(s_config.ZDim, s_config.ZDim), Stack(s_config.ZDim,
            [.. Enumerable.Range(0, s_config.DimMult.Count).Select(i => Level(s_config.DecoderChannels[i], s_config.DecoderChannels[i + 1], i))]));
    }

    /// <summary>Decodes a picture on both sides, checks that they agree, and times them in turns.</summary>
    public void Picture(int side, int rounds, Report report)
    {
        int cells = side / s_config.SpatialFactor;
        using var store = new StateStore(_backend);
        var network = new VaeNetwork(s_config, _weights, (_, _, _, _) => throw new InvalidOperationException("a picture has no past"));
        Value planes = store.Add("planes", new Extent("clips", 1), 3 * side * side, ValueElement.Float32), latents = store.Add("latents", new Extent("pixels", cells * cells), s_config.ZDim, ValueElement.Float32);
        var graph = new ModelGraph();
        network.Decode(graph, latents, new Grid(1, cells, cells), VaePiece.Only, planes);
        var executor = new Executor(graph, _backend, store, BatchBounds.None);
        store.Take("the bench", "a smaller picture takes less");
        var input = ProductBench.Random(cells * cells * s_config.ZDim, 2);
        store.Write(latents, 0, input);
        using var x = tensor(input, cells, cells, s_config.ZDim).permute(2, 0, 1).unsqueeze(0).contiguous();

        var seconds = new Dictionary<string, (double Seconds, double Operations)>();
        // A decode takes long enough that none is spent on warming up but small ones.
        if (rounds > 0 && side > WarmSide)
            Picture(WarmSide, 0, report);
        var ours = new float[planes.Columns];
        if (rounds == 0)
        {
            Ours();
            store.Read(planes, 0, ours);
            using var warm = Decode(x);
            Report.Check($"a picture of {side}x{side}", ours, warm.data<float>().ToArray(), side);
            return;
        }
        Tensor? theirs = null;
        var times = SideBySide.RunLong(rounds, Ours, () =>
        {
            theirs?.Dispose();
            theirs = Decode(x);
        });
        store.Read(planes, 0, ours);
        using (theirs)
            Report.Check($"a picture of {side}x{side}", ours, theirs!.data<float>().ToArray(), side);
        Report.Head("decoding", "ours ms", "torch ms", "ratio", "GFLOP/s", "states and activations MiB");
        var operations = graph.Ops.Sum(Operations);
        var bytes = store.StateBytes + store.ArenaBytes;
        report.Row(
            new() { ["row"] = "cpu vae picture", ["size"] = $"{side}x{side}", ["way"] = "conv2d", ["gflops"] = operations / times.Ours / 1e9, ["bytes"] = bytes }, times, rounds,
            $"{side}x{side}", Report.Ours, Report.Peer, Report.Ratio, Report.Number(operations / times.Ours / 1e9, "0.0"), Report.Number(bytes / 1048576.0, "0"));

        Report.Head("ours by op", "ms", "of all", "GFLOP/s");
        var all = seconds.Values.Sum(t => t.Seconds);
        foreach (var (op, (time, flops)) in seconds.OrderByDescending(t => t.Value.Seconds))
            Console.WriteLine($"| {op} | {Report.Number(time * 1e3, "0.0")} | {Report.Number(time / all * 100, "0.0")}% | {Report.Number(flops / time / 1e9, "0.0")} |");

        void Ours()
        {
            seconds.Clear();
            foreach (var op in graph.Ops)
            {
                var begin = Stopwatch.GetTimestamp();
                _backend.Run(op, new Batch(), executor);
                var name = op is Conv3d conv ? $"Conv3d {conv.Input.Columns} to {conv.Output.Columns}, {conv.OutputSize.Height}x{conv.OutputSize.Width}" : op.GetType().Name;
                var before = seconds.GetValueOrDefault(name);
                seconds[name] = (before.Seconds + Stopwatch.GetElapsedTime(begin).TotalSeconds, before.Operations + Operations(op));
            }
        }
    }

    /// <summary>What decoding a clip takes of memory, the output not counted: the same however long it is.</summary>
    public void Clips(int side, int[] clips, Report report)
    {
        Report.Head("decoding a clip", "frames", "seconds", "states and activations MiB", "peak of the process MiB");
        var cells = side / s_config.SpatialFactor;
        foreach (var frames in clips)
        {
            GC.Collect();
            ResetPeak();
            using var codec = new VaeCodec(s_config, _weights, _backend, side, side);
            var latentFrames = s_config.LatentFrames(frames);
            var latents = ProductBench.Random(s_config.ZDim * latentFrames * cells * cells, 3);
            var begin = Stopwatch.GetTimestamp();
            var decoded = 0;
            codec.Decode(latents, latentFrames, (_, count, _) => decoded += count, CancellationToken.None);
            var seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds;
            Trace.Assert(decoded == frames);
            var peak = PeakBytes();
            Console.WriteLine($"| {side}x{side} | {frames} | {Report.Number(seconds, "0.0")} | {Report.Number(codec.Bytes / 1048576.0, "0")} | {Report.Number(peak / 1048576.0, "0")} |");
            report.Write(new JsonObject { ["row"] = "cpu vae clip", ["size"] = $"{side}x{side}", ["frames"] = frames, ["seconds"] = seconds, ["bytes"] = codec.Bytes, ["peak_bytes"] = peak });
        }
    }

    public void Dispose() => _buffer.Dispose();

    /// <summary>Of Linux, the largest memory the process has had since <see cref="ResetPeak"/>.</summary>
    private static long PeakBytes() => OperatingSystem.IsLinux()
        ? long.Parse(File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmHWM:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture) * 1024
        : Process.GetCurrentProcess().PeakWorkingSet64;

    private static void ResetPeak()
    {
        if (OperatingSystem.IsLinux())
            File.WriteAllText("/proc/self/clear_refs", "5");
    }

    private static double Operations(Op op) => op switch
    {
        Conv3d o => 2.0 * o.OutputSize.Count * o.Weight.Rows * o.Input.Columns * (o.Shape.Taps - o.ZeroFrames * o.Shape.Side * o.Shape.Side),
        MatMul o => 2.0 * o.Input.Rows.Max * o.Weight.Rows * o.Weight.Columns,
        Attention o => 4.0 * o.Picture!.Value.Height * o.Picture.Value.Width * o.Qkv.Rows.Max * o.Shape.HeadDim,
        _ => 0,
    };

    private Weight Matrix(int rows, int columns) => new(["weight"], rows, columns, Precision.F32, _buffer, 0);

    private Linear Linear(int to, int from, int taps = 1) => new(Matrix(to, from * taps), Matrix(1, to));

    private VaeBlock Block(int from, int to) =>
        new(Matrix(1, from), Linear(to, from, MaxTaps), Matrix(1, to), Linear(to, to, MaxTaps), from == to ? null : Linear(to, from));

    private VaeLevel Level(int from, int to, int level) => new(
        [.. Enumerable.Range(0, s_config.NumResBlocks + 1).Select(i => Block(i == 0 ? from : to, to))],
        level + 1 < s_config.DimMult.Count ? Linear(to, to, 9) : null,
        level + 1 < s_config.DimMult.Count && s_config.TemporalUpsample[level] ? Linear(2 * to, to, 3) : null);

    private VaeStack Stack(int z, VaeLevel[] levels)
    {
        int first = s_config.DecoderChannels[0], last = s_config.DecoderChannels[^1];
        return new(Linear(first, Math.Max(1, z), MaxTaps), levels, Block(first, first), new(Matrix(1, first), Linear(3 * first, first), Linear(first, first)), Block(first, first), Matrix(1, last), Linear(HeadColumns, last, MaxTaps));
    }

    // libtorch's side, as MODEL.md section 7 has it. A picture has only zeros before it, so the last frame of a kernel is all of it
    // that counts: libtorch gets to leave the others out, too.

    private Tensor Decode(Tensor latents)
    {
        using var scope = NewDisposeScope();
        var x = Conv(latents, s_config.ZDim, 1, 1);
        x = Conv(x, s_config.DecoderChannels[0], 3, MaxTaps);
        x = Block(x, s_config.DecoderChannels[0]);
        x = Attend(x);
        x = Block(x, s_config.DecoderChannels[0]);
        for (var i = 0; i < s_config.DimMult.Count; i++)
            x = Up(x, i);
        x = Conv(Norm(x, silu: true), HeadColumns, 3, MaxTaps);
        // Ours is 4 channel + 2 dx + dy, torch's 4 channel + 2 dy + dx.
        x = x.view(1, 3, 2, 2, x.size(2), x.size(3)).transpose(2, 3).reshape(x.shape);
        return nn.functional.pixel_shuffle(x, 2).MoveToOuterDisposeScope();
    }

    private Tensor Up(Tensor input, int level)
    {
        using var scope = NewDisposeScope();
        var (x, to) = (input, s_config.DecoderChannels[level + 1]);
        for (var b = 0; b <= s_config.NumResBlocks; b++)
            x = Block(x, to);
        if (level + 1 == s_config.DimMult.Count)
            return x.MoveToOuterDisposeScope();
        x = Conv(nn.functional.interpolate(x, scale_factor: [2, 2], mode: InterpolationMode.Nearest), to, 3, 9);
        var frames = s_config.TemporalUpsample[level] ? 2 : 1;
        // Channels repeated, then seen as (out, dt, dy, dx), of which the last copy in time is the picture's.
        var copies = input.repeat_interleave(to * frames * 4 / input.size(1), 1).view(to, frames, 2, 2, input.size(2), input.size(3)).select(1, frames - 1);
        return x.add_(copies.permute(0, 3, 1, 4, 2).reshape(x.shape)).MoveToOuterDisposeScope();
    }

    private Tensor Block(Tensor x, int to)
    {
        using var scope = NewDisposeScope();
        var shortcut = x.size(1) == to ? x : Conv(x, to, 1, 1);
        var h = Conv(Norm(x, silu: true), to, 3, MaxTaps);
        return Conv(Norm(h, silu: true), to, 3, MaxTaps).add_(shortcut).MoveToOuterDisposeScope();
    }

    private Tensor Attend(Tensor x)
    {
        using var scope = NewDisposeScope();
        var (channels, pixels) = (x.size(1), x.size(2) * x.size(3));
        var qkv = Conv(Norm(x, silu: false), 3 * (int)channels, 1, 1).view(1, 3, channels, pixels).transpose(2, 3).contiguous();
        var mixed = nn.functional.scaled_dot_product_attention(qkv.select(1, 0).unsqueeze(1), qkv.select(1, 1).unsqueeze(1), qkv.select(1, 2).unsqueeze(1));
        return Conv(mixed.squeeze(1).transpose(1, 2).reshape(x.shape), (int)channels, 1, 1).add_(x).MoveToOuterDisposeScope();
    }

    private Tensor Norm(Tensor x, bool silu)
    {
        using var scope = NewDisposeScope();
        var gamma = Numbers(x.size(1)).view(1, x.size(1), 1, 1);
        var normed = nn.functional.normalize(x, dim: 1).mul_(Math.Sqrt(x.size(1))).mul_(gamma);
        return (silu ? nn.functional.silu(normed, inplace: true) : normed).MoveToOuterDisposeScope();
    }

    private readonly Dictionary<(int, int, int, int), Tensor> _kernels = [];

    private Tensor Conv(Tensor x, int to, int side, int taps)
    {
        var from = (int)x.size(1);
        if (!_kernels.TryGetValue((to, from, side, taps), out var kernel))
        {
            // Rows of (frame, row, column, channel): the last frame, channels first.
            using var scope = NewDisposeScope();
            kernel = Numbers((long)to * taps * from).view(to, taps / (side * side), side, side, from).select(1, taps / (side * side) - 1).permute(0, 3, 1, 2).contiguous().DetachFromDisposeScope();
            _kernels[(to, from, side, taps)] = kernel;
        }
        using var bias = Numbers(to);
        return nn.functional.conv2d(x, kernel, bias, padding: [side / 2, side / 2]);
    }

    private Tensor Numbers(long count) => tensor(_numbers.AsMemory(0, (int)count).ToArray());
}
