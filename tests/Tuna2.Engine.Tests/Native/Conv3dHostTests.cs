using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Tests.Cpu;
using Conv3d = Tuna2.Engine.Kernels.Conv3d;
using Ops = Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Native;

/// <summary>kernels/conv3d.cu in the host runner, against float64 and the CPU backend.</summary>
public class Conv3dHostTests
{
    private static readonly HostRunner Runner = new();

    private static readonly ConvShape Causal = new(3, 3, Before: 1, After: 1), Down = new(1, 3, Stride: 2, After: 1), TimeDown = new(3, 1, FrameStride: 2);

    /// <summary>The VAE's five kinds, in sizes that fill no tile: several of pixels, several of channels, channels that end within a step.</summary>
    private static IEnumerable<TestCaseData> Cases()
    {
        yield return Case("two frames behind two others", Causal, new Grid(2, 5, 7), past: 2, zeros: 0, 12, 20, residual: true);
        yield return Case("a clip's first frame", Causal, new Grid(1, 11, 13), past: 0, zeros: 2, 20, 68, residual: false);
        yield return Case("a clip's first frames", Causal, new Grid(3, 3, 4), past: 0, zeros: 2, 8, 12, residual: true);
        yield return Case("half the side", Down, new Grid(1, 6, 10), past: 0, zeros: 0, 16, 8, residual: false);
        yield return Case("sides that were doubled", new ConvShape(1, 3, Before: 1, After: 1), new Grid(2, 9, 8), past: 0, zeros: 0, 40, 64, residual: true);
        yield return Case("half the frames", TimeDown, new Grid(4, 3, 5), past: 1, zeros: 0, 24, 132, residual: false);
        yield return Case("twice the channels of a frame", new ConvShape(3, 1), new Grid(1, 3, 5), past: 2, zeros: 0, 4, 4, residual: true);

        static TestCaseData Case(string name, ConvShape shape, Grid size, int past, int zeros, int channels, int n, bool residual) =>
            new TestCaseData(shape, size, past, zeros, channels, n, residual).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Cases))]
    public void Agrees_with_float64_and_the_CPU(ConvShape shape, Grid size, int past, int zeros, int channels, int n, bool residual)
    {
        using var operands = new Operands(shape, size, past, zeros, channels, n, residual);
        var output = operands.Launch();
        output.Check();
        KernelOutput.Against("the CPU backend", output.Actual, operands.Cpu(), n).Check();
    }

    [TestCaseSource(nameof(Cases))]
    public void Stays_in_its_buffers(ConvShape shape, Grid size, int past, int zeros, int channels, int n, bool residual)
    {
        using var operands = new Operands(shape, size, past, zeros, channels, n, residual);
        SanitizedRunner.Launch(new Conv3d(), operands.Args, operands.Buffers);
    }

    [TestCase(6, 4)]
    [TestCase(4, 6)]
    public void Broken_vectors_are_refused(int channels, int n) =>
        Assert.That(() => new Conv3d().Shape(new() { Pixels = 1, Channels = channels, N = n }), Throws.ArgumentException);

    internal static KernelOutput Sample()
    {
        using var operands = new Operands(Causal, new Grid(2, 5, 7), 2, 0, 12, 20, residual: true);
        return operands.Launch();
    }

    private sealed class Operands : IDisposable
    {
        private readonly ConvShape _shape;
        private readonly Grid _size;
        private readonly int _pastFrames;
        private readonly int _zeros;
        private readonly int _channels;
        private readonly int _n;
        private readonly float[] _x;
        private readonly float[] _past;
        private readonly float[] _w;
        private readonly float[] _bias;
        private readonly float[]? _residual;
        private readonly HostBuffer _y;

        public Operands(ConvShape shape, Grid size, int past, int zeros, int channels, int n, bool residual)
        {
            (_shape, _size, _pastFrames, _zeros, _channels, _n) = (shape, size, past, zeros, channels, n);
            var random = new Random(size.Count * 31 + channels);
            var depth = shape.Taps * channels;
            _x = ElementType.F32.Random(random, size.Count * channels);
            _past = ElementType.F32.Random(random, past * size.Height * size.Width * channels);
            _w = ElementType.F32.Random(random, n * depth, scale: 1 / Math.Sqrt(depth));
            _bias = ElementType.F32.Random(random, n, scale: 0.5);
            _residual = residual ? ElementType.F32.Random(random, To.Count * n) : null;

            // The residual is added in place, as a block's shortcut may be.
            _y = _residual is null ? HostBuffer.Output<float>("y", To.Count * n) : HostBuffer.Updated<float>("y", _residual);
            var x = HostBuffer.Input<float>("x", _x);
            var before = HostBuffer.Input<float>("past", past == 0 ? new float[4] : _past);
            var w = HostBuffer.Input<float>("w", _w);
            var bias = HostBuffer.Input<float>("bias", _bias);
            Buffers = [_y, x, before, w, bias];
            Args = new Conv3dArgs
            {
                X = x.Address, Past = past == 0 ? 0 : before.Address, W = w.Address + (ulong)(Skipped * shape.Side * shape.Side * channels * sizeof(float)), Bias = bias.Address,
                Residual = residual ? _y.Address : 0, Y = _y.Address, WStride = depth,
                Pixels = To.Count, N = n, Channels = channels, Height = size.Height, Width = size.Width, PastFrames = past, OutHeight = To.Height, OutWidth = To.Width,
                Frames = shape.Frames - Skipped, Side = shape.Side, FrameStride = shape.FrameStride, Stride = shape.Stride, Before = shape.Before, ZeroFrames = zeros - Skipped,
            };
        }

        public Conv3dArgs Args { get; }

        public HostBuffer[] Buffers { get; }

        /// <summary>Frames of the kernel that lie on zeros whatever is computed.</summary>
        private int Skipped => Math.Max(0, _zeros - (To.Frames - 1) * _shape.FrameStride);

        private Grid To => _shape.Output(_size, _pastFrames + _zeros);

        public KernelOutput Launch()
        {
            Runner.LaunchChecked(new Conv3d(), Args, Buffers);
            return new("y", _y.As<float>().ToArray(), Reference(single: true), Reference(single: false), _n, ElementType.F32.Noise());
        }

        public float[] Cpu()
        {
            using var rig = new CpuRig(KernelOutput.Cpu);
            var pixels = _size.Height * _size.Width;
            var y = rig.Value("y", To.Count, _n);
            rig.Run(new Ops.Conv3d("conv", rig.Value("x", _size.Count, _channels, _x), _size, _pastFrames == 0 ? null : rig.Value("past", _pastFrames * pixels, _channels, _past),
                rig.Weight(_n, _shape.Taps * _channels, Precision.F32, _w), rig.Vector(_bias), _shape, y, _residual is null ? null : rig.Value("residual", To.Count, _n, _residual), _zeros), new Batch());
            return rig.Read(y);
        }

        public void Dispose() => Array.ForEach(Buffers, b => b.Dispose());

        /// <summary>In float64, or with every product's sum rounded to float32.</summary>
        private float[] Reference(bool single)
        {
            var y = new float[To.Count * _n];
            for (var at = 0; at < y.Length; at++)
            {
                int n = at % _n, pixel = at / _n, frame = pixel / (To.Height * To.Width), row = pixel / To.Width % To.Height, column = pixel % To.Width;
                double sum = 0;
                for (var tap = 0; tap < _shape.Taps; tap++)
                {
                    int f = frame * _shape.FrameStride + tap / (_shape.Side * _shape.Side) - _zeros - _pastFrames;
                    int r = row * _shape.Stride + tap / _shape.Side % _shape.Side - _shape.Before, c = column * _shape.Stride + tap % _shape.Side - _shape.Before;
                    if (r < 0 || r >= _size.Height || c < 0 || c >= _size.Width || f < -_pastFrames)
                        continue;
                    var from = f < 0 ? _past : _x;
                    var first = (((f < 0 ? f + _pastFrames : f) * _size.Height + r) * _size.Width + c) * _channels;
                    for (var i = 0; i < _channels; i++)
                        sum = Held(sum + (double)from[first + i] * _w[(n * _shape.Taps + tap) * _channels + i]);
                }
                y[at] = (float)Held(Held(sum + _bias[n]) + (_residual?[at] ?? 0));
            }
            return y;

            double Held(double v) => single ? (float)v : v;
        }
    }
}
