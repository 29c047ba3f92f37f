using System.Text.RegularExpressions;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using TorchSharp;
using static TorchSharp.torch;

namespace Tuna2.Bench.Cpu;

/// <summary>
/// Attention at this model's shapes. libtorch gets its inputs the way it likes them, a head after another with the keys and
/// values repeated for every query head, all outside the measured part; ours reads the projection's rows and the caches.
/// </summary>
internal static class AttentionBench
{
    private static readonly AttentionShape s_llm = new(28, 4, 128), s_head = new(56, 14, 64);

    /// <summary>Sequences as (rows, is a picture's span), one behind the other over the same keys; the first rows may be cached already.</summary>
    private static IEnumerable<(string Name, AttentionShape Shape, int Cached, (int Rows, bool Span)[] Sequences)> Cases()
    {
        foreach (var (model, shape) in new[] { ("llm", s_llm), ("head", s_head) })
        {
            yield return ($"{model} step 512x512", shape, 100, [(1025, true)]);
            yield return ($"{model} step 256x256", shape, 100, [(257, true)]);
            yield return ($"{model} edit step 512x512", shape, 1125, [(1025, true)]);
            yield return ($"{model} prefill text, picture, text, picture", shape, 0, [(60, false), (1025, true), (40, false), (1025, true)]);
            yield return ($"{model} prefill text", shape, 0, [(512, false)]);
            yield return ($"{model} decode", shape, 1100, [(1, false)]);
        }
    }

    public static void Run(CpuBackend backend, int rounds, Regex? filter, Report report)
    {
        Report.Head("attention", "rows x keys", "ours ms", "torch ms", "torch's way", "ratio", "GFLOP/s of visible pairs");
        foreach (var (name, shape, cached, sequences) in Cases())
            if (filter is null || filter.IsMatch(name))
                Case(backend, name, shape, cached, sequences, rounds, report);
    }

    private static void Case(CpuBackend backend, string name, AttentionShape shape, int cached, (int Rows, bool Span)[] parts, int rounds, Report report)
    {
        var sequences = new List<Sequence>();
        foreach (var (count, span) in parts)
        {
            var begin = sequences.Sum(s => s.QLen);
            sequences.Add(new Sequence(begin, count, 0, cached + begin, cached + begin, -1, span ? new Grid(1, 1, count - 1) : null));
        }
        int rows = sequences.Sum(s => s.QLen), keys = cached + rows, dim = shape.HeadDim;
        float[] qkv = ProductBench.Random(rows * shape.QkvColumns, 1), k = ProductBench.Random(keys * shape.KvColumns, 2), v = ProductBench.Random(keys * shape.KvColumns, 3);
        using var op = new EngineOp(backend);
        var output = op.Value("output", rows, shape.QueryColumns);
        var attention = new Attention("self_attn", op.Value("qkv", rows, shape.QkvColumns, qkv), shape,
            op.Value("keys", keys, shape.KvColumns, k), op.Value("values", keys, shape.KvColumns, v), output);
        var batch = new Batch { Sequences = sequences };

        using var scope = NewDisposeScope();
        var tq = tensor(qkv, rows, shape.QkvColumns).narrow(1, 0, shape.QueryColumns).reshape(1, rows, shape.Heads, dim).transpose(1, 2).contiguous();
        Tensor tk = Heads(k), tv = Heads(v);
        var visible = new bool[(long)rows * keys];
        foreach (var s in sequences)
            for (var row = 0; row < s.QLen; row++)
                visible.AsSpan((s.QBegin + row) * keys, s.KvEnd(row)).Fill(true);
        var pairs = visible.LongCount(x => x);
        var mask = tensor(visible, rows, keys);
        var bias = zeros(rows, keys).masked_fill(mask.logical_not(), float.NegativeInfinity);

        var ways = new List<(string Name, Func<Tensor> Run)>
        {
            ("boolean mask", () => nn.functional.scaled_dot_product_attention(tq, tk, tv, mask)),
            ("float mask", () => nn.functional.scaled_dot_product_attention(tq, tk, tv, bias)),
        };
        if (pairs == visible.LongLength)
            ways.Add(("no mask", () => nn.functional.scaled_dot_product_attention(tq, tk, tv)));
        else if (sequences is [{ Span: null, PrefixLen: 0 }])
            ways.Add(("causal", () => nn.functional.scaled_dot_product_attention(tq, tk, tv, is_casual: true)));
        foreach (var (way, run) in ways)
        {
            op.Run(attention, batch);
            using var theirs = run();
            using var ordered = theirs.transpose(1, 2).contiguous();
            Report.Check($"{name}, {way}", op.Read(output), ordered.data<float>().ToArray(), dim);
        }
        var (fastestName, fastest) = SideBySide.Fastest(ways, w => Discard(w.Run));
        var times = SideBySide.Run(rounds, () => op.Run(attention, batch), Discard(fastest));
        var flops = 4.0 * pairs * shape.Heads * dim;
        report.Row(
            new() { ["row"] = "cpu attention", ["name"] = name, ["rows"] = rows, ["keys"] = keys, ["heads"] = shape.Heads, ["kv_heads"] = shape.KvHeads, ["head_dim"] = dim, ["way"] = fastestName, ["gflops"] = flops / times.Ours / 1e9 },
            times, rounds,
            name, $"{rows} x {keys}", Report.Ours, Report.Peer, fastestName, Report.Ratio, Report.Number(flops / times.Ours / 1e9, "0.0"));

        // (keys, kv heads x dim) to (1, heads, keys, dim)
        Tensor Heads(float[] cache) => tensor(cache, keys, shape.KvHeads, dim).transpose(0, 1).repeat_interleave(shape.Group, 0).unsqueeze(0).contiguous();
    }

    private static Action Discard(Func<Tensor> run) => () => run().Dispose();
}
