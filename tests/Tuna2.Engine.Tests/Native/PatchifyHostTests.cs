using System.Numerics;
using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Tests.Cpu;
using Ops = Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Native;

/// <summary>kernels/patchify.cu in the host runner, against float64.</summary>
public class PatchifyHostTests
{
    private const int Patch = 16, Channels = 3, Depth = Channels * Patch * Patch, Slots = 2;

    private static readonly HostRunner Runner = new();

    /// <summary>1, 15, 17, 19 and 989 patches: less than a block, one more, the last block partly filled; one turn of warps and two.</summary>
    [TestCase(16, 16, 64)]
    [TestCase(48, 80, 576)]
    [TestCase(16, 272, 128)]
    [TestCase(304, 16, 64)]
    [TestCase(368, 688, 64)]
    public void Agrees_with_float64_and_the_CPU(int height, int width, int dim)
    {
        foreach (var element in Enum.GetValues<ElementType>())
        {
            using var operands = new Operands(element, height, width, dim, fromBytes: false);
            var output = operands.Launch();
            output.Check();
            if (element == ElementType.F32)
                KernelOutput.Against("the CPU backend", output.Actual, operands.Cpu(), dim).Check();
        }
    }

    [Test]
    public void Bytes_are_pixels([Values] ElementType element)
    {
        using var operands = new Operands(element, 48, 32, 64, fromBytes: true);
        operands.Launch().Check();
    }

    [Test]
    public void Stays_in_its_buffers([Values] ElementType element, [Values] bool fromBytes)
    {
        using var operands = new Operands(element, 16, 48, 64, fromBytes);
        SanitizedRunner.Launch(operands.Kernel, operands.Args, operands.Buffers);
    }

    [TestCase(60, 16, 16)]
    [TestCase(64, 24, 16)]
    [TestCase(64, 16, 24)]
    public void What_is_not_whole_is_refused(int dim, int height, int width) =>
        Assert.That(() => new Patchify(ElementType.F32, 1).Shape(new() { Dim = dim, Height = height, Width = width }), Throws.ArgumentException);

    internal static KernelOutput Sample(ElementType element)
    {
        using var operands = new Operands(element, 48, 80, 64, fromBytes: false);
        return operands.Launch();
    }

    private sealed class Operands : IDisposable
    {
        private readonly ElementType _element;
        private readonly int _height;
        private readonly int _width;
        private readonly int _dim;
        private readonly float[] _pictures;
        private readonly float[] _w;
        private readonly float[] _bias;
        private readonly float[] _norm;
        private readonly float[] _before;
        private readonly PatchRows[] _places;

        /// <summary>Picture 1 twice, picture 0 between (a large one once), with rows around them that are somebody else's.</summary>
        public Operands(ElementType element, int height, int width, int dim, bool fromBytes)
        {
            (_element, _height, _width, _dim) = (element, height, width, dim);
            var count = height / Patch * (width / Patch);
            var random = new Random(height * 31 + width);
            var bytes = new byte[Slots * Channels * height * width];
            random.NextBytes(bytes);
            _pictures = fromBytes ? Planes(bytes) : ElementType.F32.Random(random, bytes.Length, scale: 2);
            _w = element.Random(random, dim * Depth, scale: 0.05);
            _bias = ElementType.F32.Random(random, dim, scale: 0.5);
            _norm = ElementType.F32.Random(random, dim, scale: 0.2, mean: 1);
            _places = count > 100 ? [new(1, 1)] : [new(1, 1), new(0, count + 3), new(1, 2 * count + 3)];
            _before = element.Random(random, (_places[^1].FirstRow + count + 1) * dim);

            Y = element.Updated("y", _before);
            var pictures = HostBuffer.Input<float>("pictures", _pictures);
            var source = HostBuffer.Input<byte>("bytes", bytes);
            var w = element.Input("w", _w);
            var bias = HostBuffer.Input<float>("bias", _bias);
            var norm = HostBuffer.Input<float>("norm", _norm);
            var places = HostBuffer.Input<PatchRows>("places", _places);
            Buffers = [Y, pictures, source, w, bias, norm, places];
            Args = new PatchifyArgs
            {
                Pictures = fromBytes ? 0 : pictures.Address,
                Bytes = fromBytes ? source.Address : 0,
                W = w.Address,
                Bias = bias.Address,
                Norm = norm.Address,
                Y = Y.Address,
                Places = places.Address,
                Height = height,
                Width = width,
                Dim = dim,
                Epsilon = element == ElementType.BF16 ? 1f / (1 << 7) : 1f / (1 << 23),
            };
        }

        public Patchify Kernel => new(_element, _places.Length);

        public PatchifyArgs Args { get; }

        public HostBuffer Y { get; }

        public HostBuffer[] Buffers { get; }

        public KernelOutput Launch()
        {
            Runner.LaunchChecked(Kernel, Args, Buffers);
            return new("y", _element.Read(Y), Reference(x => _element.Round(x)), Reference(x => x), _dim, _element.Noise());
        }

        public float[] Cpu()
        {
            using var rig = new CpuRig(KernelOutput.Cpu);
            var y = rig.Value("y", _before.Length / _dim, _dim, _before);
            rig.Run(new Ops.Patchify("vision_encoder", rig.Value("pictures", Slots, _pictures.Length / Slots, _pictures), rig.Weight(_dim, Depth, Precision.F32, _w),
                rig.Vector(_bias), rig.Vector(_norm), Args.Epsilon, Patch, Channels, _height, _width, _places.Length, y),
                new Batch { Patches = [.. _places.Select(p => new PatchPlacement(p.Picture, p.FirstRow))] });
            return rig.Read(y);
        }

        public void Dispose() => Array.ForEach(Buffers, b => b.Dispose());

        /// <summary>In float64, rounding by <paramref name="round"/> where the kernel's header says it rounds.</summary>
        private float[] Reference(Func<double, double> round)
        {
            int across = _width / Patch, count = _height / Patch * across;
            var expected = (float[])_before.Clone();
            var patch = new double[Depth];
            var w = Array.ConvertAll(_w, x => (double)x);
            var features = new double[_dim];
            foreach (var place in _places)
                for (var p = 0; p < count; p++)
                {
                    for (var k = 0; k < Depth; k++)
                    {
                        int row = p / across * Patch + k / Patch % Patch, column = p % across * Patch + k % Patch;
                        patch[k] = round(_pictures[((place.Picture * Channels + k / (Patch * Patch)) * _height + row) * _width + column]);
                    }
                    double squares = 0;
                    for (var n = 0; n < _dim; n++)
                    {
                        var sums = Vector<double>.Zero;
                        for (var k = 0; k < Depth; k += Vector<double>.Count)
                            sums += new Vector<double>(patch, k) * new Vector<double>(w, n * Depth + k);
                        features[n] = round(_bias[n] + Vector.Sum(sums));
                        squares += features[n] * features[n];
                    }
                    var inverse = 1 / Math.Sqrt(squares / _dim + Args.Epsilon);
                    for (var n = 0; n < _dim; n++)
                        expected[(place.FirstRow + p) * _dim + n] = (float)round(_norm[n] * features[n] * inverse);
                }
            return expected;
        }

        /// <summary>(slots, height, width, 3) bytes as (slots, 3, height, width) of -1..1.</summary>
        private float[] Planes(byte[] bytes)
        {
            var plane = _height * _width;
            var planes = new float[bytes.Length];
            for (var i = 0; i < bytes.Length; i++)
            {
                int slot = i / (Channels * plane), pixel = i / Channels % plane, channel = i % Channels;
                planes[(slot * Channels + channel) * plane + pixel] = bytes[i] / 127.5f - 1;
            }
            return planes;
        }
    }
}
