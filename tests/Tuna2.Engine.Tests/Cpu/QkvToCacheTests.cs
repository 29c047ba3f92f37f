using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Cpu;

public class QkvToCacheTests
{
    private const int Capacity = 60, Dim = 32;
    private const float Epsilon = 1e-4f;
    private static readonly AttentionShape s_shape = new(4, 2, Dim);

    /// <summary>Two branches: text behind a prefix of 3, a 2 x 3 span behind that, and text elsewhere in the cache.</summary>
    private static readonly Sequence[] s_sequences =
    [
        new(0, 5, KvBase: 0, PrefixLen: 3, PosBase: 3, ModRow: -1, Span: null),
        new(5, 7, KvBase: 0, PrefixLen: 8, PosBase: 8, ModRow: 0, new Grid(1, 2, 3)),
        new(12, 4, KvBase: 40, PrefixLen: 0, PosBase: 1000, ModRow: -1, Span: null),
        new(16, 13, KvBase: 20, PrefixLen: 0, PosBase: 0, ModRow: 0, new Grid(2, 3, 2)),
    ];

    private static readonly float[] s_text = RotaryEmbedding.Frequencies(Dim, 1e4), s_frame = RotaryEmbedding.Frequencies(Dim / 4, 1e3), s_side = RotaryEmbedding.Frequencies(Dim * 3 / 8, 1e3);

    [Test, Combinatorial]
    public void Heads_are_normed_and_turned_and_keys_stand_behind_their_prefix([Values] bool image, [Values] bool norms)
    {
        const int rows = 29;
        var numbers = new SeededNumbers(1);
        float[] qkv = numbers.Floats(rows * s_shape.QkvColumns), queryNorm = numbers.Floats(Dim), keyNorm = numbers.Floats(Dim);
        float[] keys = numbers.Floats(Capacity * s_shape.KvColumns), values = numbers.Floats(Capacity * s_shape.KvColumns);

        double[] expectedRows = Array.ConvertAll(qkv, x => (double)x), expectedKeys = Array.ConvertAll(keys, x => (double)x), expectedValues = Array.ConvertAll(values, x => (double)x);
        foreach (var s in s_sequences)
            for (var row = 0; row < s.QLen; row++)
            {
                int at = (s.QBegin + row) * s_shape.QkvColumns, place = (s.KvBase + s.PrefixLen + row) * s_shape.KvColumns;
                for (var h = 0; h < s_shape.Heads; h++)
                    Head(qkv.AsSpan(at + h * Dim, Dim), norms ? queryNorm : null, s, row, image).CopyTo(expectedRows, at + h * Dim);
                for (var h = 0; h < s_shape.KvHeads; h++)
                    Head(qkv.AsSpan(at + s_shape.QueryColumns + h * Dim, Dim), norms ? keyNorm : null, s, row, image).CopyTo(expectedKeys, place + h * Dim);
                for (var i = 0; i < s_shape.KvColumns; i++)
                    expectedValues[place + i] = qkv[at + s_shape.QueryColumns + s_shape.KvColumns + i];
            }

        RotaryEmbedding rotary = image ? new ImageRotary(Dim, s_text, s_frame, s_side) : new TextRotary(Dim, s_text);
        // The key columns of a row may hold anything afterwards: only what Attention reads is compared.
        var queries = Array.Empty<double>();
        for (var row = 0; row < rows; row++)
            queries = [.. queries, .. expectedRows.AsSpan(row * s_shape.QkvColumns, s_shape.QueryColumns)];
        Everywhere.Computes([.. queries, .. expectedKeys, .. expectedValues], Dim, 2e-5, rig =>
        {
            Value x = rig.Value("qkv", rows, s_shape.QkvColumns, qkv), k = rig.Value("keys", Capacity, s_shape.KvColumns, keys), v = rig.Value("values", Capacity, s_shape.KvColumns, values);
            rig.Run(new QkvToCache("rope", x, s_shape, rotary, norms ? rig.Vector(queryNorm) : null, norms ? rig.Vector(keyNorm) : null, Epsilon, k, v), new Batch { Sequences = s_sequences });
            var after = rig.Read(x);
            return [.. Enumerable.Range(0, rows).SelectMany(row => after.Skip(row * s_shape.QkvColumns).Take(s_shape.QueryColumns)), .. rig.Read(k), .. rig.Read(v)];
        });
    }

    [TestCase(0, Capacity - 3)]
    [TestCase(Capacity - 3, 0)]
    [TestCase(int.MaxValue, 0)]
    public void Keys_beyond_the_cache_are_an_error(int kvBase, int prefix)
    {
        using var rig = new CpuRig(Everywhere.Backends.First());
        Value x = rig.Value("qkv", 4, s_shape.QkvColumns), k = rig.Value("keys", Capacity, s_shape.KvColumns), v = rig.Value("values", Capacity, s_shape.KvColumns);
        var op = new QkvToCache("rope", x, s_shape, new TextRotary(Dim, s_text), null, null, 0, k, v);
        Assert.That(() => rig.Run(op, new Batch { Sequences = [new(0, 4, kvBase, prefix, 0, -1, null)] }), Throws.InvalidOperationException);
    }

    private static double[] Head(ReadOnlySpan<float> x, float[]? norm, Sequence s, int row, bool image)
    {
        var y = new double[Dim];
        double squares = 0;
        foreach (var e in x)
            squares += (double)e * e;
        for (var i = 0; i < Dim; i++)
            y[i] = norm is null ? x[i] : x[i] / Math.Sqrt(squares / Dim + Epsilon) * norm[i];

        if (image && s.Span is { } grid)
        {
            if (row == 0)
                return y;
            var (frame, line, column) = ((row - 1) / (grid.Height * grid.Width), (row - 1) / grid.Width % grid.Height, (row - 1) % grid.Width);
            double[] angles = [.. s_frame.Select(f => f * (double)frame), .. s_side.Select(f => f * (double)line), .. s_side.Select(f => f * (double)column)];
            for (var i = 0; i < Dim / 2; i++)
                (y[2 * i], y[2 * i + 1]) = Turn(y[2 * i], y[2 * i + 1], -angles[i]);
            return y;
        }
        for (var i = 0; i < Dim / 2; i++)
            (y[i], y[i + Dim / 2]) = Turn(y[i], y[i + Dim / 2], (s.PosBase + row) * (double)s_text[i]);
        return y;
    }

    private static (double, double) Turn(double a, double b, double angle) =>
        (a * Math.Cos(angle) - b * Math.Sin(angle), a * Math.Sin(angle) + b * Math.Cos(angle));
}
