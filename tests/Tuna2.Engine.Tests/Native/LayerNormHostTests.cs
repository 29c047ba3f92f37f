using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Tests.Cpu;
using Ops = Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Native;

/// <summary>kernels/layer_norm.cu in the host runner, against float64 and the CPU backend.</summary>
public class LayerNormHostTests
{
    private const float Epsilon = 1e-6f;

    private static readonly HostRunner Runner = new();

    /// <summary>SigLIP's width, a small model's, and the longest row.</summary>
    [Test]
    public void Agrees_with_float64_and_the_CPU([Values] ElementType element, [Values(1, 17)] int rows, [Values(144, 1152, 2048)] int dim, [Values(0.5, 10)] double mean, [Values] bool inPlace)
    {
        using var operands = new Operands(element, rows, dim, mean, inPlace);
        var output = operands.Launch();
        output.Check();
        if (element == ElementType.F32)
            KernelOutput.Against("the CPU backend", output.Actual, operands.Cpu(), dim).Check();
    }

    [Test]
    public void Stays_in_its_buffers([Values] ElementType element)
    {
        using var operands = new Operands(element, 3, 264, mean: 1, inPlace: false);
        SanitizedRunner.Launch(operands.Kernel, operands.Args, operands.Buffers);
    }

    [TestCase(ElementType.BF16, 12)]
    [TestCase(ElementType.F32, 6)]
    [TestCase(ElementType.F32, 2052)]
    public void Rows_that_do_not_fit_are_refused(ElementType element, int dim) =>
        Assert.That(() => new LayerNorm(element, 1).Shape(new() { Dim = dim }), Throws.ArgumentException);

    internal static KernelOutput Sample(ElementType element)
    {
        using var operands = new Operands(element, 17, 256, mean: 0.5, inPlace: false);
        return operands.Launch();
    }

    private sealed class Operands : IDisposable
    {
        private readonly ElementType _element;
        private readonly int _rows;
        private readonly int _dim;
        private readonly float[] _x;
        private readonly float[] _weight;
        private readonly float[] _bias;
        private readonly HostBuffer _y;

        public Operands(ElementType element, int rows, int dim, double mean, bool inPlace)
        {
            (_element, _rows, _dim) = (element, rows, dim);
            var random = new Random(rows * 7919 + dim);
            _x = element.Random(random, rows * dim, scale: 3, mean);
            _weight = ElementType.F32.Random(random, dim, scale: 0.2, mean: 1);
            _bias = ElementType.F32.Random(random, dim, scale: 0.5);
            var x = inPlace ? element.Updated("x", _x) : element.Input("x", _x);
            _y = inPlace ? x : element.Output("y", rows * dim);
            var weight = HostBuffer.Input<float>("weight", _weight);
            var bias = HostBuffer.Input<float>("bias", _bias);
            Buffers = inPlace ? [x, weight, bias] : [x, _y, weight, bias];
            Args = new LayerNormArgs { X = x.Address, Y = _y.Address, Weight = weight.Address, Bias = bias.Address, Dim = dim, Epsilon = Epsilon };
        }

        public LayerNorm Kernel => new(_element, _rows);

        public LayerNormArgs Args { get; }

        public HostBuffer[] Buffers { get; }

        public KernelOutput Launch()
        {
            Runner.LaunchChecked(Kernel, Args, Buffers);
            return new("y", _element.Read(_y), Reference(v => _element.Round(v), single: true), Reference(v => v, single: false), _dim, _element.Noise());
        }

        public float[] Cpu()
        {
            using var rig = new CpuRig(KernelOutput.Cpu);
            Value x = rig.Value("x", _rows, _dim, _x), y = rig.Value("y", _rows, _dim);
            rig.Run(new Ops.LayerNorm("norm", x, rig.Vector(_weight), rig.Vector(_bias), Epsilon, y), new Batch());
            return rig.Read(y);
        }

        public void Dispose() => Array.ForEach(Buffers, b => b.Dispose());

        /// <summary>In float64; with <paramref name="single"/> the mean and what is left of a row beside it are float32, as the kernel holds them.</summary>
        private float[] Reference(Func<double, double> round, bool single)
        {
            double Held(double v) => single ? (float)v : v;
            var y = new float[_rows * _dim];
            for (var r = 0; r < _rows; r++)
            {
                var x = Array.ConvertAll(_x[(r * _dim)..((r + 1) * _dim)], v => (double)v);
                var mean = Held(x.Average());
                x = Array.ConvertAll(x, v => Held(v - mean));
                var inverse = 1 / Math.Sqrt(x.Sum(v => v * v) / _dim + Epsilon);
                for (var c = 0; c < _dim; c++)
                    y[r * _dim + c] = (float)round(x[c] * inverse * _weight[c] + _bias[c]);
            }
            return y;
        }
    }
}
