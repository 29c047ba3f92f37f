using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Cpu;

public class AttentionTests
{
    private static IEnumerable<TestCaseData> Cases()
    {
        foreach (var prefix in new[] { 0, 1, 127, 128, 300 })
            foreach (var rows in new[] { 1, 17, 19 })
                foreach (var span in new[] { false, true })
                    yield return new TestCaseData(new AttentionShape(4, 1, 64), prefix, rows, span);
        foreach (var span in new[] { false, true })
        {
            yield return new TestCaseData(new AttentionShape(2, 2, 64), 1, 200, span);
            yield return new TestCaseData(new AttentionShape(1, 1, 128), 127, 200, span);
            yield return new TestCaseData(new AttentionShape(7, 1, 128), 128, 19, span);
            yield return new TestCaseData(new AttentionShape(14, 2, 64), 5, 37, span);
            // Heads narrower than the widest vectors.
            yield return new TestCaseData(new AttentionShape(4, 2, 16), 9, 19, span);
            yield return new TestCaseData(new AttentionShape(2, 1, 8), 9, 19, span);
            yield return new TestCaseData(new AttentionShape(2, 1, 6), 9, 19, span);
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void It_agrees_with_double_precision(AttentionShape shape, int prefix, int rows, bool span) =>
        Check(shape, [new Sequence(0, rows, KvBase: 2, prefix, prefix, -1, span ? new Grid(1, 1, rows - 1) : null)]);

    [Test]
    public void Sequences_of_one_batch_see_their_own_keys_alone() => Check(new AttentionShape(4, 2, 64),
    [
        new(0, 3, KvBase: 0, PrefixLen: 0, 0, -1, null),
        new(3, 10, KvBase: 0, PrefixLen: 3, 0, 0, new Grid(1, 3, 3)),
        new(13, 1, KvBase: 0, PrefixLen: 13, 0, -1, null),
        new(14, 131, KvBase: 20, PrefixLen: 0, 0, -1, null),
        new(145, 26, KvBase: 20, PrefixLen: 131, 0, 0, new Grid(1, 5, 5)),
        new(171, 5, KvBase: 200, PrefixLen: 250, 0, 0, new Grid(1, 2, 2)),
    ]);

    /// <summary>The vision encoder's: no tokens, each picture sees itself alone and all of itself.</summary>
    [TestCase(72, 3, 5)]
    [TestCase(72, 10, 20)]
    [TestCase(64, 1, 1)]
    public void Pictures_attend_to_themselves(int headDim, int height, int width)
    {
        var (shape, grid) = (new AttentionShape(3, 3, headDim), new Grid(1, height, width));
        Check(shape, [Sequence.Picture(0, grid), Sequence.Picture(1, grid)], picture: grid);
    }

    [Test]
    public void Scores_far_apart_do_not_overflow() => Check(new AttentionShape(2, 1, 64), [new Sequence(0, 19, 0, 200, 0, -1, null)], scale: 40);

    [Test]
    public void A_head_too_wide_for_the_scratch_is_an_error_and_leaves_the_backend_usable()
    {
        foreach (var backend in Everywhere.Backends.Take(3))
        {
            using var rig = new CpuRig(backend);
            Assert.That(() => Run(rig, new AttentionShape(1, 1, 4096), [new Sequence(0, 1, 0, 0, 0, -1, null)], new float[3 * 4096], new float[4096], new float[4096]),
                Throws.TypeOf<NotSupportedException>());
        }
        Check(new AttentionShape(2, 1, 64), [new Sequence(0, 3, 0, 0, 0, -1, null)]);
    }

    /// <summary>Keys and values that no row sees hold NaN.</summary>
    private static void Check(AttentionShape shape, Sequence[] sequences, float scale = 1, Grid? picture = null)
    {
        var rows = sequences.Sum(s => s.QLen);
        var capacity = sequences.Max(s => s.KvBase + s.KvLen) + 40;
        var numbers = new SeededNumbers(rows + capacity);
        var qkv = numbers.Floats(rows * shape.QkvColumns, scale);
        float[] keys = numbers.Floats(capacity * shape.KvColumns, scale), values = numbers.Floats(capacity * shape.KvColumns);
        for (var row = 0; row < capacity; row++)
            if (!sequences.Any(s => row >= s.KvBase && row < s.KvBase + s.KvLen))
            {
                keys.AsSpan(row * shape.KvColumns, shape.KvColumns).Fill(float.NaN);
                values.AsSpan(row * shape.KvColumns, shape.KvColumns).Fill(float.NaN);
            }
        // Key and value columns of the projection are none of its business.
        for (var row = 0; row < rows; row++)
            qkv.AsSpan(row * shape.QkvColumns + shape.QueryColumns, 2 * shape.KvColumns).Fill(float.NaN);

        var expected = new double[rows * shape.QueryColumns];
        foreach (var s in sequences)
            for (var row = 0; row < s.QLen; row++)
                for (var h = 0; h < shape.Heads; h++)
                {
                    var visible = s.Span is null ? s.PrefixLen + row + 1 : s.PrefixLen + s.QLen;
                    int q = (s.QBegin + row) * shape.QkvColumns + h * shape.HeadDim, kv = s.KvBase * shape.KvColumns + h / (shape.Heads / shape.KvHeads) * shape.HeadDim;
                    var weights = new double[visible];
                    for (var key = 0; key < visible; key++)
                        for (var d = 0; d < shape.HeadDim; d++)
                            weights[key] += (double)qkv[q + d] * keys[kv + key * shape.KvColumns + d];
                    var max = weights.Max();
                    for (var key = 0; key < visible; key++)
                        weights[key] = Math.Exp((weights[key] - max) / Math.Sqrt(shape.HeadDim));
                    var total = weights.Sum();
                    for (var key = 0; key < visible; key++)
                        for (var d = 0; d < shape.HeadDim; d++)
                            expected[(s.QBegin + row) * shape.QueryColumns + h * shape.HeadDim + d] += weights[key] / total * values[kv + key * shape.KvColumns + d];
                }
        Everywhere.Computes(expected, shape.HeadDim, scale > 1 ? 1e-4 : 2e-6, rig => Run(rig, shape, sequences, qkv, keys, values, picture));
    }

    private static float[] Run(CpuRig rig, AttentionShape shape, Sequence[] sequences, float[] qkv, float[] keys, float[] values, Grid? picture = null)
    {
        int rows = sequences.Sum(s => s.QLen), capacity = keys.Length / shape.KvColumns;
        var output = rig.Value("output", rows, shape.QueryColumns);
        rig.Run(new Attention("self_attn", rig.Value("qkv", rows, shape.QkvColumns, qkv), shape,
            rig.Value("keys", capacity, shape.KvColumns, keys), rig.Value("values", capacity, shape.KvColumns, values), output, picture),
            picture is null ? new Batch { Sequences = sequences } : new Batch { Patches = [.. sequences.Select((_, i) => new PatchPlacement(i, 0))] });
        return rig.Read(output);
    }
}
