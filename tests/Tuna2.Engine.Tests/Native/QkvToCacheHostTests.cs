using NUnit.Framework;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Tests.Cpu;
using QkvToCache = Tuna2.Engine.Kernels.QkvToCache;
using QkvToCacheOp = Tuna2.Engine.Graph.Ops.QkvToCache;

namespace Tuna2.Engine.Tests.Native;

/// <summary>kernels/qkv_to_cache.cu in the host runner, against float64.</summary>
public class QkvToCacheHostTests
{
    private const float Epsilon = 1e-5f;

    private static readonly HostRunner Runner = new();

    /// <summary>Every pair of settings: text, a picture not square and a clip in one batch, over two branches of one cache.</summary>
    [Test, Pairwise]
    public void Agrees_with_float64_and_the_CPU(
        [Values] ElementType element, [Values(64, 128)] int headDim, [Values] bool norms, [Values] bool image,
        [Values(1, 4, 7)] int group, [Values(0, 1, 127, 300)] int prefix, [Values(1, 17, 19)] int rows) =>
        Check(element, new AttentionShape(2 * group, 2, headDim), norms, image, prefix, rows);

    [TestCase(ElementType.BF16, 64, true, 4)]
    [TestCase(ElementType.BF16, 128, false, 1)]
    [TestCase(ElementType.F32, 64, true, 1)]
    [TestCase(ElementType.F32, 128, false, 1)]
    public void Agrees_in_many_rows(ElementType element, int headDim, bool image, int group) =>
        Check(element, new AttentionShape(group, 1, headDim), norms: image, image, prefix: 127, rows: 989);

    [Test]
    public void Stays_in_its_buffers([Values] ElementType element, [Values(64, 128)] int headDim, [Values] bool image)
    {
        using var operands = new Operands(element, new AttentionShape(3, 1, headDim), norms: image, image, prefix: 1, rows: 19);
        SanitizedRunner.Launch(operands.Kernel, operands.Args, operands.Buffers);
    }

    internal static KernelOutput Sample(ElementType element, string name)
    {
        using var operands = new Operands(element, new AttentionShape(4, 2, 64), norms: true, image: true, prefix: 3, rows: 19);
        Runner.LaunchChecked(operands.Kernel, operands.Args, operands.Buffers);
        return operands.Outputs().First(o => o.Name == name);
    }

    private static void Check(ElementType element, AttentionShape shape, bool norms, bool image, int prefix, int rows)
    {
        using var operands = new Operands(element, shape, norms, image, prefix, rows);
        Runner.LaunchChecked(operands.Kernel, operands.Args, operands.Buffers);
        var outputs = operands.Outputs();
        foreach (var output in outputs)
            output.Check();
        if (element == ElementType.F32)
            foreach (var (output, cpu) in outputs.Zip(operands.Cpu()))
                KernelOutput.Against($"{output.Name}, the CPU backend", output.Actual, cpu, shape.HeadDim).Check();
    }

    private sealed class Operands : IDisposable
    {
        private readonly ElementType _element;
        private readonly AttentionShape _shape;
        private readonly int _rows;
        private readonly int _capacity;
        private readonly Sequence[] _sequences;
        private readonly RotaryEmbedding _rotary;
        private readonly float[] _qkv;
        private readonly float[] _keys;
        private readonly float[] _values;
        private readonly float[]? _queryNorm;
        private readonly float[]? _keyNorm;
        private readonly float[] _text;
        private readonly float[] _frames;
        private readonly float[] _sides;
        private readonly HostBuffer _qkvBuffer;
        private readonly HostBuffer _keysBuffer;
        private readonly HostBuffer _valuesBuffer;

        public Operands(ElementType element, AttentionShape shape, bool norms, bool image, int prefix, int rows)
        {
            (_element, _shape, _rows) = (element, shape, rows);
            _sequences = Sequences(rows, prefix);
            _capacity = _sequences.Max(s => s.KvBase + s.KvLen) + 2;
            var random = new Random(rows * 17 + prefix);
            _qkv = element.Random(random, rows * shape.QkvColumns, scale: 2, mean: 0.3);
            _keys = element.Random(random, _capacity * shape.KvColumns);
            _values = element.Random(random, _capacity * shape.KvColumns);
            _queryNorm = norms ? ElementType.F32.Random(random, shape.HeadDim, scale: 0.2, mean: 1) : null;
            _keyNorm = norms ? ElementType.F32.Random(random, shape.HeadDim, scale: 0.2, mean: 1) : null;

            var text = RotaryEmbedding.Frequencies(shape.HeadDim, 1e6);
            var frames = RotaryEmbedding.Frequencies(shape.HeadDim / 4, 1e4);
            var sides = RotaryEmbedding.Frequencies(shape.HeadDim * 3 / 8, 1e4);
            _rotary = image ? new ImageRotary(shape.HeadDim, text, frames, sides) : new TextRotary(shape.HeadDim, text);
            _text = Table(text, _sequences.Max(s => s.PosBase + s.QLen));
            _frames = Table(frames, _sequences.Max(s => s.Span?.Frames ?? 1));
            _sides = Table(sides, _sequences.Max(s => s.Span is { } grid ? Math.Max(grid.Height, grid.Width) : 1));

            _qkvBuffer = element.Updated("qkv", _qkv);
            _keysBuffer = element.Updated("keys", _keys);
            _valuesBuffer = element.Updated("values", _values);
            var queryNorm = HostBuffer.Input<float>("query_norm", _queryNorm ?? [0]);
            var keyNorm = HostBuffer.Input<float>("key_norm", _keyNorm ?? [0]);
            var textTable = HostBuffer.Input<float>("text", _text);
            var frameTable = HostBuffer.Input<float>("frames", _frames);
            var sideTable = HostBuffer.Input<float>("sides", _sides);
            var sequences = HostBuffer.Input<DeviceSequence>("sequences", [.. _sequences.Select(DeviceSequence.Of)]);
            var rowSequence = HostBuffer.Input<int>("row_sequence", [.. _sequences.SelectMany((s, i) => Enumerable.Repeat(i, s.QLen))]);
            Buffers = [_qkvBuffer, _keysBuffer, _valuesBuffer, queryNorm, keyNorm, textTable, frameTable, sideTable, sequences, rowSequence];
            Args = new QkvToCacheArgs
            {
                Qkv = _qkvBuffer.Address,
                Keys = _keysBuffer.Address,
                Values = _valuesBuffer.Address,
                QueryNorm = norms ? queryNorm.Address : 0,
                KeyNorm = norms ? keyNorm.Address : 0,
                Text = textTable.Address,
                Frames = image ? frameTable.Address : 0,
                Sides = image ? sideTable.Address : 0,
                Sequences = sequences.Address,
                RowSequence = rowSequence.Address,
                Heads = shape.Heads,
                KvHeads = shape.KvHeads,
                Epsilon = Epsilon,
            };
        }

        public QkvToCache Kernel => new(_element, _shape.HeadDim, _rows);

        public QkvToCacheArgs Args { get; }

        public HostBuffer[] Buffers { get; }

        /// <summary>Queries, then the whole caches, a head per row; all else must be as it was.</summary>
        public KernelOutput[] Outputs()
        {
            var (exact, rounded) = (Reference(x => x), Reference(x => _element.Round(x)));
            var after = _element.Read(_qkvBuffer);
            for (var row = 0; row < _rows; row++)
            {
                var keysAndValues = (row * _shape.QkvColumns + _shape.QueryColumns)..((row + 1) * _shape.QkvColumns);
                Assert.That(after[keysAndValues], Is.EqualTo(_qkv[keysAndValues]), "projected keys and values");
            }
            float[] keys = _element.Read(_keysBuffer), values = _element.Read(_valuesBuffer);
            var written = _sequences.SelectMany(s => Enumerable.Range(s.KvBase + s.PrefixLen, s.QLen)).ToHashSet();
            for (var row = 0; row < _capacity; row++)
                if (!written.Contains(row))
                {
                    var untouched = (row * _shape.KvColumns)..((row + 1) * _shape.KvColumns);
                    Assert.That(keys[untouched], Is.EqualTo(_keys[untouched]), "keys of others");
                }
            return
            [
                new("queries", Queries(after), rounded.Queries, exact.Queries, _shape.HeadDim, _element.Noise()),
                new("keys", keys, rounded.Keys, exact.Keys, _shape.HeadDim, _element.Noise()),
                KernelOutput.Copied("values", values, exact.Values, _shape.HeadDim),
            ];
        }

        public float[][] Cpu()
        {
            using var rig = new CpuRig(KernelOutput.Cpu);
            Value qkv = rig.Value("qkv", _rows, _shape.QkvColumns, _qkv);
            Value keys = rig.Value("keys", _capacity, _shape.KvColumns, _keys), values = rig.Value("values", _capacity, _shape.KvColumns, _values);
            rig.Run(new QkvToCacheOp("rope", qkv, _shape, _rotary, _queryNorm is null ? null : rig.Vector(_queryNorm),
                _keyNorm is null ? null : rig.Vector(_keyNorm), Epsilon, keys, values), new Batch { Sequences = _sequences });
            return [Queries(rig.Read(qkv)), rig.Read(keys), rig.Read(values)];
        }

        public void Dispose() => Array.ForEach(Buffers, b => b.Dispose());

        /// <summary>One sequence of text; or text, a span right behind it and, in another branch, a clip or text.</summary>
        private static Sequence[] Sequences(int rows, int prefix)
        {
            if (rows == 1)
                return [new(0, 1, KvBase: 2, prefix, PosBase: prefix, ModRow: -1, null)];
            (int text, Grid picture) = rows < 100 ? (2, new Grid(1, 2, 3)) : (300, new Grid(1, 9, 17));
            Grid? clip = rows == 17 ? null : rows == 19 ? new Grid(3, 1, 3) : new Grid(2, 11, 7);
            var span = picture.Count + 1;
            var other = prefix + text + span + 3;
            var left = rows - text - span;
            Sequence[] ours =
            [
                new(0, text, KvBase: 0, prefix, PosBase: prefix, ModRow: -1, null),
                new(text, span, KvBase: 0, prefix + text, PosBase: prefix + text, ModRow: 0, picture),
            ];
            if (clip is null)
                return [.. ours, new(text + span, left, other, PrefixLen: 5, PosBase: 40, ModRow: -1, null)];
            var frames = clip.Value.Count + 1;
            Sequence[] theirs = [new(text + span, frames, other, PrefixLen: 5, PosBase: 40, ModRow: 1, clip)];
            return left == frames ? [.. ours, .. theirs]
                : [.. ours, .. theirs, new(text + span + frames, left - frames, other, 5 + frames, 40 + frames, ModRow: -1, null)];
        }

        private static float[] Table(float[] frequencies, int positions)
        {
            var table = new float[2 * positions * frequencies.Length];
            for (var i = 0; i < table.Length / 2; i++)
                (table[2 * i + 1], table[2 * i]) = MathF.SinCos(i / frequencies.Length * frequencies[i % frequencies.Length]);
            return table;
        }

        private float[] Queries(float[] qkv) =>
            [.. Enumerable.Range(0, _rows).SelectMany(row => new ArraySegment<float>(qkv, row * _shape.QkvColumns, _shape.QueryColumns))];

        private (float[] Queries, float[] Keys, float[] Values) Reference(Func<double, double> round)
        {
            float[] qkv = [.. _qkv], keys = [.. _keys], values = [.. _values];
            var dim = _shape.HeadDim;
            foreach (var s in _sequences)
                for (var row = 0; row < s.QLen; row++)
                {
                    int at = (s.QBegin + row) * _shape.QkvColumns, place = (s.KvBase + s.PrefixLen + row) * _shape.KvColumns;
                    for (var h = 0; h < _shape.Heads; h++)
                        Head(_qkv.AsSpan(at + h * dim, dim), _queryNorm, s, row, round).CopyTo(qkv, at + h * dim);
                    for (var h = 0; h < _shape.KvHeads; h++)
                        Head(_qkv.AsSpan(at + _shape.QueryColumns + h * dim, dim), _keyNorm, s, row, round).CopyTo(keys, place + h * dim);
                    _qkv.AsSpan(at + _shape.QueryColumns + _shape.KvColumns, _shape.KvColumns).CopyTo(values.AsSpan(place));
                }
            return (Queries(qkv), keys, values);
        }

        private float[] Head(ReadOnlySpan<float> x, float[]? norm, Sequence s, int row, Func<double, double> round)
        {
            var dim = x.Length;
            double squares = 0;
            foreach (var e in x)
                squares += (double)e * e;
            var y = new double[dim];
            for (var i = 0; i < dim; i++)
                y[i] = norm is null ? x[i] : x[i] / Math.Sqrt(squares / dim + Epsilon) * norm[i];

            if (_rotary is ImageRotary && s.Span is { } grid)
            {
                for (var pair = 0; row > 0 && pair < dim / 2; pair++)
                {
                    var (cos, sin) = PatchAngle(grid, row - 1, pair);
                    var (a, b) = (y[2 * pair], y[2 * pair + 1]);
                    (y[2 * pair], y[2 * pair + 1]) = (a * cos + b * sin, b * cos - a * sin);
                }
            }
            else
                for (var i = 0; i < dim / 2; i++)
                {
                    var at = 2 * ((s.PosBase + row) * dim / 2 + i);
                    double cos = _text[at], sin = _text[at + 1];
                    (y[i], y[i + dim / 2]) = (y[i] * cos - y[i + dim / 2] * sin, y[i + dim / 2] * cos + y[i] * sin);
                }
            return Array.ConvertAll(y, v => (float)round(v));
        }

        private (double Cos, double Sin) PatchAngle(Grid grid, int patch, int pair)
        {
            int frame = _shape.HeadDim / 8, side = _shape.HeadDim * 3 / 16;
            var (table, at) = pair < frame ? (_frames, patch / (grid.Height * grid.Width) * frame + pair)
                : pair < frame + side ? (_sides, patch / grid.Width % grid.Height * side + pair - frame)
                : (_sides, patch % grid.Width * side + pair - frame - side);
            return (table[2 * at], table[2 * at + 1]);
        }
    }
}
