using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Tests.Cpu;
using Ops = Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Native;

/// <summary>kernels/patch_embedding.cu in the host runner: patches to the bit, positions against float64 and the CPU backend.</summary>
public class PatchEmbeddingHostTests
{
    private const int Slots = 3, Side = 4;

    private static readonly HostRunner Runner = new();
    private static readonly PatchRows[] Places = [new(2, 40), new(0, 0)];

    /// <summary>The table's own grid; larger one way and smaller the other; one patch; a latent's cells; a clip.</summary>
    [TestCase(16, 3, 1, 64, 64, 144)]
    [TestCase(16, 3, 1, 48, 80, 144)]
    [TestCase(16, 3, 1, 16, 16, 1160)]
    [TestCase(1, 48, 1, 3, 7, 24)]
    [TestCase(2, 5, 3, 4, 6, 24)]
    public void Agrees_with_float64_and_the_CPU(int patch, int channels, int frames, int height, int width, int dim)
    {
        foreach (var element in Enum.GetValues<ElementType>())
        {
            using var operands = new Operands(element, patch, channels, frames, height, width, dim);
            var outputs = operands.Launch();
            foreach (var output in outputs)
                output.Check();
            if (element == ElementType.F32)
                KernelOutput.Against("the CPU backend", outputs[1].Actual, operands.Cpu(), dim).Check();
        }
    }

    [Test]
    public void Stays_in_its_buffers([Values] ElementType element, [Values(64, 80)] int width)
    {
        using var operands = new Operands(element, 16, 3, 2, 64, width, 24);
        SanitizedRunner.Launch(operands.Kernel, operands.Args, operands.Buffers);
    }

    [TestCase(60, 16, 16)]
    [TestCase(64, 24, 16)]
    [TestCase(64, 16, 24)]
    public void What_is_not_whole_is_refused(int dim, int height, int width) =>
        Assert.That(() => new PatchEmbedding(ElementType.BF16, 1).Shape(new() { Dim = dim, Height = height, Width = width, Patch = 16 }), Throws.ArgumentException);

    internal static KernelOutput Sample(ElementType element, string name)
    {
        using var operands = new Operands(element, 16, 3, 1, 48, 80, 144);
        return operands.Launch().First(o => o.Name == name);
    }

    private sealed class Operands : IDisposable
    {
        private readonly ElementType _element;
        private readonly int _depth;
        private readonly float[] _pictures;
        private readonly float[] _table;
        private readonly HostBuffer _gathered;
        private readonly HostBuffer _y;

        public Operands(ElementType element, int patch, int channels, int frames, int height, int width, int dim)
        {
            _element = element;
            _depth = channels * patch * patch;
            var count = height / patch * (width / patch);
            var random = new Random(height * 31 + width);
            _pictures = ElementType.F32.Random(random, Slots * channels * frames * height * width);
            _table = element.Random(random, Side * Side * dim);
            _gathered = element.Output("gathered", Places.Length * frames * count * _depth);
            _y = element.Output("y", Places.Length * frames * count * dim);
            var pictures = HostBuffer.Input<float>("pictures", _pictures);
            var table = element.Input("table", _table);
            var places = HostBuffer.Input<PatchRows>("places", Places);
            Buffers = [_gathered, _y, pictures, table, places];
            Args = new PatchEmbeddingArgs
            {
                Pictures = pictures.Address, Table = table.Address, Gathered = _gathered.Address, Y = _y.Address, Places = places.Address,
                Channels = channels, Frames = frames, Height = height, Width = width, Patch = patch, Side = Side, Dim = dim,
            };
        }

        public PatchEmbedding Kernel => new(_element, Places.Length);

        public PatchEmbeddingArgs Args { get; }

        public HostBuffer[] Buffers { get; }

        private int Across => Args.Width / Args.Patch;

        private int Count => Args.Height / Args.Patch * Across;

        private int Rows => Places.Length * Args.Frames * Count;

        public KernelOutput[] Launch()
        {
            Runner.LaunchChecked(Kernel, Args, Buffers);
            return
            [
                KernelOutput.Copied("gathered", _element.Read(_gathered), Patches(), _depth),
                new("y", _element.Read(_y), Positions(v => _element.Round(v), single: true), Positions(v => v, single: false), Args.Dim, _element.Noise()),
            ];
        }

        /// <summary>The op with a weight and a bias of zeros: positions alone.</summary>
        public float[] Cpu()
        {
            using var rig = new CpuRig(KernelOutput.Cpu);
            var y = rig.Value("y", Rows, Args.Dim);
            rig.Run(new Ops.PatchEmbedding("embeddings", rig.Value("pictures", Slots, _pictures.Length / Slots, _pictures), rig.Weight(Args.Dim, _depth, Precision.F32, new float[Args.Dim * _depth]),
                rig.Vector(new float[Args.Dim]), rig.Weight(Side * Side, Args.Dim, Precision.F32, _table), Args.Patch, Args.Channels, Args.Height, Args.Width, y, Args.Frames),
                new Batch { Patches = [.. Places.Select(p => new PatchPlacement(p.Picture, p.FirstRow))] });
            return rig.Read(y);
        }

        public void Dispose() => Array.ForEach(Buffers, b => b.Dispose());

        private float[] Patches()
        {
            var rows = new float[Rows * _depth];
            for (var at = 0; at < rows.Length; at++)
            {
                int k = at % _depth, p = at / _depth % Count, area = Args.Patch * Args.Patch;
                int row = p / Across * Args.Patch + k % area / Args.Patch, column = p % Across * Args.Patch + k % Args.Patch;
                int frame = at / _depth / Count % Args.Frames, picture = Places[at / _depth / Count / Args.Frames].Picture;
                rows[at] = _element.Round(_pictures[(((picture * Args.Channels + k / area) * Args.Frames + frame) * Args.Height + row) * Args.Width + column]);
            }
            return rows;
        }

        private float[] Positions(Func<double, double> round, bool single)
        {
            var y = new float[Rows * Args.Dim];
            for (var at = 0; at < y.Length; at++)
            {
                int p = at / Args.Dim % Count, column = at % Args.Dim;
                double[] rows = [.. Enumerable.Range(0, Side).Select(r => Interpolated([.. Enumerable.Range(0, Side).Select(c => (double)_table[(r * Side + c) * Args.Dim + column])], p % Across, Across, single))];
                y[at] = (float)round(Interpolated(rows, p / Across, Count / Across, single));
            }
            return y;
        }

        /// <summary>Cubic convolution with A = -0.75 around the source coordinate, by its piecewise polynomial of the distance; the coordinate in float32 or not.</summary>
        private static double Interpolated(double[] line, int index, int count, bool single)
        {
            if (line.Length == count)
                return line[index];
            var source = single ? (float)line.Length / count * (index + 0.5f) - 0.5f : (index + 0.5) * line.Length / count - 0.5;
            double sum = 0;
            for (var tap = (int)Math.Floor(source) - 1; tap <= (int)Math.Floor(source) + 2; tap++)
            {
                const double a = -0.75;
                var d = Math.Abs(source - tap);
                var weight = d <= 1 ? (a + 2) * d * d * d - (a + 3) * d * d + 1 : a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a;
                weight = single ? (float)weight : weight;
                sum += weight * line[Math.Clamp(tap, 0, line.Length - 1)];
            }
            return sum;
        }
    }
}
