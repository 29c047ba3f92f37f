using Tuna2.Engine.Cuda;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Tests.Cpu;
using Ops = Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Native;

/// <summary>What queries and keys are like.</summary>
public enum AttentionContent
{
    /// <summary>Normally distributed.</summary>
    Ordinary,

    /// <summary>Scores in the thousands, exact in float32: a few keys that tie have all the weight.</summary>
    Large,

    /// <summary>The last key that all rows of a sequence see outweighs the others.</summary>
    Dominated,
}

/// <summary>
/// Attention's operands in the host runner's memory, and what they must come to. Cache rows that no row sees hold NaN, and so
/// do the projection's key and value columns.
/// </summary>
internal sealed class AttentionOperands : IDisposable
{
    private const int HiddenRows = 70;

    private readonly float[] _qkv;
    private readonly float[] _keys;
    private readonly float[] _values;
    private readonly int _rows;

    public AttentionOperands(ElementType element, AttentionShape shape, Sequence[] sequences, AttentionContent content = AttentionContent.Ordinary)
    {
        (Element, Shape, Sequences) = (element, shape, sequences);
        _rows = sequences.Sum(s => s.QLen);
        var capacity = sequences.Max(s => s.KvBase + s.KvLen) + HiddenRows;
        var random = new Random(_rows * 7919 + capacity * 31 + shape.HeadDim);
        float[] Operand(int count) => content == AttentionContent.Large
            ? [.. Enumerable.Range(0, count).Select(_ => 16f * random.Next(-1, 2))]
            : element.Random(random, count);
        _qkv = Operand(_rows * shape.QkvColumns);
        _keys = Operand(capacity * shape.KvColumns);
        _values = element.Random(random, capacity * shape.KvColumns);
        if (content == AttentionContent.Dominated)
            Dominate();

        for (var row = 0; row < _rows; row++)
            _qkv.AsSpan(row * shape.QkvColumns + shape.QueryColumns, 2 * shape.KvColumns).Fill(float.NaN);
        for (var row = 0; row < capacity; row++)
            if (!sequences.Any(s => row >= s.KvBase && row < s.KvBase + s.KvLen))
            {
                _keys.AsSpan(row * shape.KvColumns, shape.KvColumns).Fill(float.NaN);
                _values.AsSpan(row * shape.KvColumns, shape.KvColumns).Fill(float.NaN);
            }

        Qkv = element.Input("qkv", _qkv);
        Keys = element.Input("keys", _keys);
        Values = element.Input("values", _values);
        Y = element.Output("y", _rows * shape.QueryColumns);
        Table = HostBuffer.Input<DeviceSequence>("sequences", [.. sequences.Select(DeviceSequence.Of)]);
    }

    public ElementType Element { get; }

    public AttentionShape Shape { get; }

    public Sequence[] Sequences { get; }

    public HostBuffer Qkv { get; }

    public HostBuffer Keys { get; }

    public HostBuffer Values { get; }

    public HostBuffer Y { get; }

    /// <summary>The sequences.</summary>
    public HostBuffer Table { get; }

    public float Scale => (float)(Math.Log2(Math.E) / Math.Sqrt(Shape.HeadDim));

    /// <summary>The tiles that cover the sequences.</summary>
    public HostBuffer Tiles(int rowsPerTile) =>
        HostBuffer.Input<AttentionTile>("tiles", AttentionTile.Cover([.. Sequences.Select(s => s.QLen)], Shape.Group, rowsPerTile));

    /// <summary>The output as it is now, beside its references.</summary>
    /// <param name="roundWeights">Weights are rounded to bf16 before they meet the values.</param>
    public HostResult Result(bool roundWeights) => new(
        Element.Read(Y),
        Array.ConvertAll(Reference(single: false, roundWeights: false), v => (float)v),
        Array.ConvertAll(Reference(single: true, roundWeights), v => Element.Round(v)),
        Shape.HeadDim,
        Element);

    /// <summary>The CPU backend's output.</summary>
    /// <param name="picture">The grid of pictures that attend to themselves, which the sequences then are.</param>
    public float[] OnCpu(Grid? picture = null)
    {
        using var rig = new CpuRig(Everywhere.Backends.First());
        var capacity = _keys.Length / Shape.KvColumns;
        var y = rig.Value("y", _rows, Shape.QueryColumns);
        rig.Run(new Ops.Attention("attention", rig.Value("qkv", _rows, Shape.QkvColumns, _qkv), Shape,
            rig.Value("keys", capacity, Shape.KvColumns, _keys), rig.Value("values", capacity, Shape.KvColumns, _values), y, picture), picture is null ? new Batch { Sequences = Sequences } : new Batch());
        return rig.Read(y);
    }

    public void Dispose()
    {
        foreach (var buffer in new[] { Qkv, Keys, Values, Y, Table })
            buffer.Dispose();
    }

    private void Dominate()
    {
        var direction = ElementType.F32.Random(new Random(1), Shape.HeadDim);
        foreach (var s in Sequences)
        {
            for (var i = 0; i < s.QLen * Shape.QkvColumns; i++)
                _qkv[s.QBegin * Shape.QkvColumns + i] = Element.Round(0.1 * _qkv[s.QBegin * Shape.QkvColumns + i] + direction[i % Shape.HeadDim]);
            var key = (s.KvBase + s.KvEnd(0) - 1) * Shape.KvColumns;
            for (var i = 0; i < Shape.KvColumns; i++)
                _keys[key + i] = Element.Round(3 * direction[i % Shape.HeadDim]);
        }
    }

    /// <param name="single">Every operation is rounded to float32, as the kernels' are.</param>
    /// <param name="roundWeights">Weights are rounded to bf16 before they meet the values.</param>
    private double[] Reference(bool single, bool roundWeights)
    {
        var y = new double[_rows * Shape.QueryColumns];
        var weights = new double[Sequences.Max(s => s.KvLen)];
        foreach (var s in Sequences)
            for (var row = 0; row < s.QLen; row++)
                for (var h = 0; h < Shape.Heads; h++)
                {
                    var visible = s.Span is null ? s.PrefixLen + row + 1 : s.PrefixLen + s.QLen;
                    var query = _qkv.AsSpan((s.QBegin + row) * Shape.QkvColumns + h * Shape.HeadDim, Shape.HeadDim);
                    var first = s.KvBase * Shape.KvColumns + h / Shape.Group * Shape.HeadDim;
                    for (var key = 0; key < visible; key++)
                        weights[key] = Dot(query, _keys.AsSpan(first + key * Shape.KvColumns, Shape.HeadDim));
                    double max = weights.AsSpan(0, visible).ToArray().Max(), total = 0;
                    var sum = y.AsSpan((s.QBegin + row) * Shape.QueryColumns + h * Shape.HeadDim, Shape.HeadDim);
                    for (var key = 0; key < visible; key++)
                    {
                        var weight = Round(Math.Exp(Round((weights[key] - max) / Math.Sqrt(Shape.HeadDim))));
                        total = Round(total + weight);
                        weight = roundWeights ? ElementType.BF16.Round(weight) : weight;
                        for (var d = 0; d < Shape.HeadDim; d++)
                            sum[d] = Round(sum[d] + weight * _values[first + key * Shape.KvColumns + d]);
                    }
                    for (var d = 0; d < Shape.HeadDim; d++)
                        sum[d] /= total;
                }
        return y;

        double Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
        {
            double sum = 0;
            for (var d = 0; d < a.Length; d++)
                sum = Round(sum + (double)a[d] * b[d]);
            return sum;
        }

        double Round(double x) => single ? (float)x : x;
    }
}
