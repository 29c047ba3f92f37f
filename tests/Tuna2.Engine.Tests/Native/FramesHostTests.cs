using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Tests.Cpu;
using Ops = Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Native;

/// <summary>
/// What moves the VAE's pixels, in the host runner against the CPU backend, whose ops Cpu/FrameTests.cs and ShortcutTests.cs check
/// value by value: copies to the bit, shortcuts within rounding.
/// </summary>
public class FramesHostTests
{
    private static readonly HostRunner Runner = new();

    /// <summary>A kernel's launch on buffers, the op that it stands for, and its output's row.</summary>
    private sealed class Case : IDisposable
    {
        private readonly List<HostBuffer> _buffers = [];
        private readonly CpuRig _rig = new(KernelOutput.Cpu);

        public HostBuffer Output { get; private set; } = null!;

        public ReadOnlySpan<HostBuffer> Buffers => _buffers.ToArray();

        public (HostBuffer Buffer, Value Value) Input(string name, int rows, int columns, int seed)
        {
            var data = ElementType.F32.Random(new Random(seed), rows * columns);
            _buffers.Add(HostBuffer.Input<float>(name, data));
            return (_buffers[^1], _rig.Value(name, rows, columns, data));
        }

        public Value Written(string name, int rows, int columns, bool updated = false)
        {
            var data = updated ? ElementType.F32.Random(new Random(rows), rows * columns) : null;
            _buffers.Add(Output = data is null ? HostBuffer.Output<float>(name, rows * columns) : HostBuffer.Updated<float>(name, data));
            return _rig.Value(name, rows, columns, data);
        }

        public float[] Cpu(Op op, Value output)
        {
            _rig.Run(op, new Batch());
            return _rig.Read(output);
        }

        public void Dispose()
        {
            _buffers.ForEach(b => b.Dispose());
            _rig.Dispose();
        }
    }

    [TestCase(1, 2, 2)]
    [TestCase(3, 6, 10)]
    [TestCase(1, 32, 46)]
    public void Space_becomes_depth(int frames, int height, int width) => SpaceToDepth(frames, height, width).Check();

    [TestCase(1, 2, 2)]
    [TestCase(3, 6, 10)]
    [TestCase(1, 32, 46)]
    public void Depth_becomes_space(int frames, int height, int width) => DepthToSpace(frames, height, width).Check();

    /// <summary>A level of a picture, one that halves a clip's frames too, a lone frame with a frame of zeros before it, and the last level.</summary>
    [TestCase(1, 1, 2, 8, 8)]
    [TestCase(4, 2, 2, 8, 16)]
    [TestCase(1, 2, 2, 8, 16)]
    [TestCase(3, 1, 1, 12, 12)]
    [TestCase(1, 1, 2, 8, 4)]
    public void The_shortcut_down_averages(int frames, int block, int side, int channels, int n) => AverageDown(frames, block, side, channels, n).Check();

    [TestCase(1, 1, false, 8, 8)]
    [TestCase(1, 2, true, 16, 8)]
    [TestCase(2, 2, false, 16, 8)]
    [TestCase(1, 2, false, 8, 12)]
    public void The_shortcut_up_repeats(int frames, int block, bool first, int channels, int n) => DuplicateUp(frames, block, first, channels, n).Check();

    [TestCase(1, 3, 5, 4)]
    [TestCase(2, 9, 7, 20)]
    public void Every_pixel_becomes_four(int frames, int height, int width, int channels) => UpsampleNearest(frames, height, width, channels).Check();

    [TestCase(1, 3, 5, 4)]
    [TestCase(2, 9, 7, 20)]
    public void Every_frame_becomes_two(int frames, int height, int width, int channels) => InterleaveFrames(frames, height, width, channels).Check();

    /// <summary>Fewer frames than are kept, as many, and more.</summary>
    [TestCase(1, 2)]
    [TestCase(2, 2)]
    [TestCase(4, 2)]
    [TestCase(4, 1)]
    public void The_last_frames_are_kept(int frames, int kept) => KeepFrames(frames, kept).Check();

    [Test]
    public void They_stay_in_their_buffers([Values("space_to_depth", "depth_to_space", "average_down", "duplicate_up", "upsample_nearest", "interleave_frames", "keep_frames")] string kernel) =>
        Run(kernel, sanitized: true);

    [Test]
    public void Sides_that_are_odd_are_refused()
    {
        Assert.That(() => new SpaceToDepth().Shape(new() { Columns = 12, Frames = 1, Height = 3, Width = 4 }), Throws.ArgumentException);
        Assert.That(() => new DepthToSpace().Shape(new() { Columns = 12, Frames = 1, Height = 4, Width = 5 }), Throws.ArgumentException);
    }

    [Test]
    public void Broken_vectors_are_refused()
    {
        Assert.That(() => new AverageDown().Shape(new() { Count = 12, N = 6 }), Throws.ArgumentException);
        Assert.That(() => new DuplicateUp().Shape(new() { Count = 12, N = 6 }), Throws.ArgumentException);
    }

    internal static KernelOutput Sample(string kernel) => Run(kernel, sanitized: false);

    private static KernelOutput Run(string kernel, bool sanitized) => kernel switch
    {
        "space_to_depth" => SpaceToDepth(2, 6, 10, sanitized),
        "depth_to_space" => DepthToSpace(2, 6, 10, sanitized),
        "average_down" => AverageDown(1, 2, 2, 8, 16, sanitized),
        "duplicate_up" => DuplicateUp(1, 2, true, 16, 8, sanitized),
        "upsample_nearest" => UpsampleNearest(2, 3, 5, 12, sanitized),
        "interleave_frames" => InterleaveFrames(2, 3, 5, 12, sanitized),
        _ => KeepFrames(1, 2, sanitized),
    };

    private static KernelOutput SpaceToDepth(int frames, int height, int width, bool sanitized = false)
    {
        using var test = new Case();
        var size = new Grid(frames, height, width);
        var planes = test.Input("planes", 1, 3 * size.Count, 1);
        var y = test.Written("y", size.Count / 4, 12);
        var args = new SpaceToDepthArgs { Planes = planes.Buffer.Address, Y = test.Output.Address, Columns = 12, Frames = frames, Height = height, Width = width };
        return Launched(test, new SpaceToDepth(), args, new Ops.SpaceToDepth("patches", planes.Value, size, y), y, sanitized);
    }

    private static KernelOutput DepthToSpace(int frames, int height, int width, bool sanitized = false)
    {
        using var test = new Case();
        var size = new Grid(frames, height, width);
        var x = test.Input("x", size.Count / 4, 12, 1);
        var planes = test.Written("planes", 1, 3 * size.Count);
        var args = new DepthToSpaceArgs { X = x.Buffer.Address, Planes = test.Output.Address, Columns = 12, Frames = frames, Height = height, Width = width };
        return Launched(test, new DepthToSpace(), args, new Ops.DepthToSpace("patches", x.Value, size, planes), planes, sanitized, rowLength: width);
    }

    private static KernelOutput AverageDown(int frames, int block, int side, int channels, int n, bool sanitized = false)
    {
        using var test = new Case();
        var size = new Grid(frames, 6, 10);
        var missing = (block - frames % block) % block;
        var pixels = (frames + missing) / block * (size.Height / side) * (size.Width / side);
        var (x, main) = (test.Input("x", size.Count, channels, 1), test.Input("main", pixels, n, 2));
        var y = test.Written("y", pixels, n);
        var op = new Ops.AverageDown("avg", x.Value, size, block, side, main.Value, y);
        var args = new AverageDownArgs
        {
            X = x.Buffer.Address, Main = main.Buffer.Address, Y = test.Output.Address, Count = (long)pixels * n, N = n, Group = op.Group,
            Channels = channels, Height = size.Height, Width = size.Width, Frames = block, Side = side, Missing = missing,
        };
        return Launched(test, new AverageDown(), args, op, y, sanitized, exact: false);
    }

    private static KernelOutput DuplicateUp(int frames, int block, bool first, int channels, int n, bool sanitized = false)
    {
        using var test = new Case();
        var size = new Grid(frames, 3, 5);
        var pixels = (frames * block - (first ? block - 1 : 0)) * 4 * 3 * 5;
        var (x, main) = (test.Input("x", size.Count, channels, 1), test.Input("main", pixels, n, 2));
        var y = test.Written("y", pixels, n);
        var op = new Ops.DuplicateUp("dup", x.Value, size, block, 2, first, main.Value, y);
        var args = new DuplicateUpArgs
        {
            X = x.Buffer.Address, Main = main.Buffer.Address, Y = test.Output.Address, Count = (long)pixels * n, N = n, Repeats = op.Repeats,
            Channels = channels, Height = size.Height, Width = size.Width, Frames = block, Side = 2, Dropped = op.Dropped,
        };
        return Launched(test, new DuplicateUp(), args, op, y, sanitized, exact: false);
    }

    private static KernelOutput UpsampleNearest(int frames, int height, int width, int channels, bool sanitized = false)
    {
        using var test = new Case();
        var size = new Grid(frames, height, width);
        var x = test.Input("x", size.Count, channels, 1);
        var y = test.Written("y", 4 * size.Count, channels);
        var args = new UpsampleNearestArgs { X = x.Buffer.Address, Y = test.Output.Address, Count = (long)size.Count * channels, Words = channels / 4, Width = width };
        return Launched(test, new UpsampleNearest(), args, new Ops.UpsampleNearest("up", x.Value, size, y), y, sanitized);
    }

    private static KernelOutput InterleaveFrames(int frames, int height, int width, int channels, bool sanitized = false)
    {
        using var test = new Case();
        var size = new Grid(frames, height, width);
        var x = test.Input("x", size.Count, 2 * channels, 1);
        var y = test.Written("y", 2 * size.Count, channels);
        var args = new InterleaveFramesArgs { X = x.Buffer.Address, Y = test.Output.Address, Count = 2L * size.Count * channels / 4, Words = channels / 4, Pixels = height * width };
        return Launched(test, new InterleaveFrames(), args, new Ops.InterleaveFrames("frames", x.Value, size, y), y, sanitized);
    }

    private static KernelOutput KeepFrames(int frames, int kept, bool sanitized = false)
    {
        using var test = new Case();
        var size = new Grid(frames, 9, 7);
        const int channels = 20;
        var x = test.Input("x", size.Count, channels, 1);
        var past = test.Written("past", kept * 63, channels, updated: true);
        var args = new KeepFramesArgs { X = x.Buffer.Address, Past = test.Output.Address, Words = 63 * channels / 4, Frames = frames, Kept = kept };
        return Launched(test, new KeepFrames(), args, new Ops.KeepFrames("cache", x.Value, size, past), past, sanitized);
    }

    private static KernelOutput Launched<TKernel, TArgs>(Case test, TKernel kernel, TArgs args, Op op, Value output, bool sanitized, bool exact = true, int? rowLength = null)
        where TKernel : IKernel<TArgs> where TArgs : unmanaged
    {
        if (sanitized)
            SanitizedRunner.Launch(kernel, args, test.Buffers);
        Runner.LaunchChecked(kernel, args, test.Buffers);
        var (actual, expected) = (test.Output.As<float>().ToArray(), test.Cpu(op, output));
        return exact ? KernelOutput.Copied(op.Name, actual, expected, rowLength ?? output.Columns) : KernelOutput.Against(op.Name, actual, expected, output.Columns);
    }
}
