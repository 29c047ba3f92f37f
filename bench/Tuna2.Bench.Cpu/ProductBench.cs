using System.Globalization;
using System.Text.RegularExpressions;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using TorchSharp;
using static TorchSharp.torch;

namespace Tuna2.Bench.Cpu;

/// <summary>y = x W^T: ours from bfloat16 weights as loaded, libtorch's from the same weights as float32.</summary>
internal static class ProductBench
{
    private static readonly int[] s_manyRows = [1, 2, 3, 4, 5, 7, 9, 17, 33, 64, 65, 128, 257, 1025, 2050];

    /// <summary>(N, K) and the rows each is measured at: the model's largest products at every kind of row count, the rest at a few.</summary>
    private static IEnumerable<(int N, int K, int[] Rows)> Cases =>
    [
        (18944, 3584, s_manyRows),
        (3584, 18944, s_manyRows),
        (3584, 3584, [1, 17, 1025]),
        (4608, 3584, [1, 17, 1025]),
        (37888, 3584, [1, 17]),
        (4096, 4096, [1, 4, 17, 64, 128, 1025]),
        (1024, 8192, [1, 4, 17, 64, 128, 1025]),
        (3000, 3001, [1, 4, 17, 64, 1025]),
        (2048, 1024, [1, 2, 4, 17, 64, 128]),
        (256, 256, [1, 4, 17, 64, 128]),
    ];

    public static void Run(CpuBackend backend, Bandwidth bandwidth, int rounds, Regex? filter, Report report)
    {
        Report.Head("product N x K", "M", "ours ms", "torch ms", "torch's way", "ratio", "GFLOP/s", "GB/s of weights", "of copy");
        foreach (var (n, k, rows) in Cases)
        {
            var chosen = rows.Where(m => filter is null || filter.IsMatch($"{n} x {k}, M {m}")).ToArray();
            if (chosen.Length == 0)
                continue;
            var elements = Elements(n, k);
            using var op = new EngineOp(backend);
            var weight = op.Weight(n, k, elements);
            using var w = tensor(Array.ConvertAll(elements, e => BitConverter.UInt32BitsToSingle((uint)e << 16)), n, k);
            foreach (var m in chosen)
                Case(op, weight, w, m, bandwidth, rounds, report);
        }
    }

    private static void Case(EngineOp op, Weight weight, Tensor w, int m, Bandwidth bandwidth, int rounds, Report report)
    {
        int n = weight.Rows, k = weight.Columns;
        var input = Random(m * k, m);
        Value x = op.Value("x", m, k, input), y = op.Value("y", m, n);
        var product = new MatMul("product", x, weight, y);
        var batch = new Batch();
        using var tx = tensor(input, m, k);
        using var result = empty(m, n);
        using var transposed = w.t();

        // All that libtorch offers for it; mv is for one row alone.
        var ways = new List<(string Name, Func<Tensor> Run)>
        {
            ("mm", () => mm(tx, transposed)),
            ("linear", () => nn.functional.linear(tx, w)),
        };
        if (m == 1)
            ways.Add(("mv", () => mv(w, tx[0])));
        foreach (var (name, run) in ways)
        {
            op.Run(product, batch);
            using var theirs = run();
            Report.Check($"{n} x {k}, M {m}, {name}", op.Read(y), theirs.data<float>().ToArray(), n);
        }
        var (way, fastest) = SideBySide.Fastest(ways, w => Discard(w.Run));

        var times = SideBySide.Run(rounds, () => op.Run(product, batch), Discard(fastest));
        var bytes = 2.0 * n * k;
        SideBySide? copy = m == 1 ? SideBySide.Run(rounds, () => op.Run(product, batch), () => bandwidth.Copy((long)bytes)) : null;
        var flops = 2.0 * m * n * k;
        report.Row(
            new() { ["row"] = "cpu product", ["n"] = n, ["k"] = k, ["m"] = m, ["way"] = way, ["gflops"] = flops / times.Ours / 1e9, ["gb_per_s"] = bytes / times.Ours / 1e9, ["of_copy"] = copy?.Ratio, ["of_copy_low"] = copy?.Low, ["of_copy_high"] = copy?.High },
            times, rounds,
            $"{n} x {k}", m.ToString(CultureInfo.InvariantCulture), Report.Ours, Report.Peer, way, Report.Ratio, Report.Number(flops / times.Ours / 1e9, "0.0"), Report.Number(bytes / times.Ours / 1e9, "0.0"), copy is { } c ? Report.Number(c.Ratio, "0.00") : "");
    }

    private static Action Discard(Func<Tensor> run) => () => run().Dispose();

    /// <summary>bfloat16 bits of numbers in [-1, 1).</summary>
    private static ushort[] Elements(int n, int k) => Array.ConvertAll(Random(n * k, n + k), x => (ushort)(BitConverter.SingleToUInt32Bits(x) >> 16));

    internal static float[] Random(int count, int seed)
    {
        var random = new Random(seed);
        var numbers = new float[count];
        for (var i = 0; i < count; i++)
            numbers[i] = 2 * random.NextSingle() - 1;
        return numbers;
    }
}
