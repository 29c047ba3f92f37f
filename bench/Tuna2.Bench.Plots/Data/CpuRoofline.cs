using System.Globalization;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;

namespace Tuna2.Bench.Plots.Data;

/// <summary>The roofline of a processor, of the rows of bench/Tuna2.Bench.Cpu. Everything on it is measured.</summary>
internal static class CpuRoofline
{
    /// <summary>Weights of fewer bytes may stay in a last-level cache from run to run: 32 MiB where these were measured, and something of twice that.</summary>
    private const long CachedBytes = 64L << 20;

    /// <summary>The chart; null where nobody measured a kernel.</summary>
    public static RooflineChart? Of(Results results)
    {
        var products = results.Latest("cpu product", Product.Of, p => (p.N, p.K, p.M));
        var attentions = results.Latest("cpu attention", Attention.Of, a => a.Name);
        if (products.Count + attentions.Count == 0)
            return null;
        var memory = results.Latest("cpu bandwidth", row => (Copy: row.Positive("copy_gb_per_s") * 1e9, Origin: Origin.Of(row)), m => m.Origin.Machine);
        var arithmetic = results.Latest("cpu arithmetic", row => row.Positive("gflops") * 1e9, _ => 0);
        var origins = products.Select(p => p.Origin).Concat(attentions.Select(a => a.Origin)).ToArray();
        var machines = origins.Select(o => o.Machine).Distinct().ToArray();

        List<Ceiling> memories = [.. memory.Where(m => machines.Contains(m.Origin.Machine)).Select(m => new Ceiling($"a copy alone, {Giga(m.Copy)} GB/s, measured", m.Copy))];
        // In turns with a product of one row, of as many bytes as its weight: the same minutes of the same shared machine.
        var beside = products.Where(p => p.M == 1 && !p.IsCached && p.OfCopy is not null).Select(p => p.GigabytesPerSecond * 1e9 / p.OfCopy!.Value).DefaultIfEmpty().Max();
        if (beside > 0)
            memories.Add(new($"a copy in turns with products, {Giga(beside)} GB/s at most, measured", beside));
        return new(
            $"Products and attention on {string.Join("; ", machines)}",
            $"bench/results, measured {Origin.Dates(origins)}; bytes and operations as the ops count them, each matrix, row and key once",
            memories, [.. arithmetic.Select(a => new Ceiling($"float32 multiply-adds in registers, {Giga(a)} GFLOP/s, measured", a))],
            [.. products.Select(p => p.Point), .. attentions.Select(a => a.Point)],
            [
                .. memories.Count == 0 ? ["not run: a copy of memory"] : Array.Empty<string>(),
                .. arithmetic.Count == 0 ? ["not run: arithmetic in registers"] : Array.Empty<string>(),
            ]);
    }

    private static string Giga(double perSecond) => (perSecond / 1e9).ToString("0", CultureInfo.InvariantCulture);

    /// <summary>Where a row comes from.</summary>
    private sealed record Origin(string Machine, string Date)
    {
        public static Origin Of(ResultRow row) => new(
            string.Create(CultureInfo.InvariantCulture, $"{row.Text("cpu")}, {row.Positive("threads")} threads, {row.Text("simd")}"), row.Text("date"));

        public static string Dates(IEnumerable<Origin> origins) => string.Join(", ", origins.Select(o => o.Date[..Math.Min(10, o.Date.Length)]).Distinct().Order(StringComparer.Ordinal));
    }

    private sealed record Product(int N, int K, int M, double Seconds, double GigabytesPerSecond, double? OfCopy, Origin Origin)
    {
        public static Product Of(ResultRow row) => new(
            (int)row.Positive("n"), (int)row.Positive("k"), (int)row.Positive("m"), row.Positive("ours_ms") / 1e3, row.Positive("gb_per_s"), row.Has("of_copy") ? row.Positive("of_copy") : null, Origin.Of(row));

        public bool IsCached => 2L * N * K < CachedBytes;

        public RooflinePoint Point
        {
            get
            {
                // The op itself counts: bfloat16 weights, float32 rows.
                var op = new Engine.Graph.Ops.MatMul("product", new("x", new("rows", M), K, Storage.State), new(["weight"], N, K, Precision.BF16, new Nowhere(), 0), new("y", new("rows", M), N, Storage.State));
                var rows = M == 1 ? "1 row" : M <= 17 ? "2 to 17 rows" : "33 to 2050 rows";
                return new($"products of {rows}{(IsCached ? ", weights a cache may hold" : "")}", "", (double)op.Flops / op.Bytes(sizeof(float)), op.Flops / Seconds, Measured: true);
            }
        }
    }

    private sealed record Attention(string Name, int Rows, int Keys, int Heads, int KvHeads, int HeadDim, double Seconds, double FlopsPerSecond, Origin Origin)
    {
        public static Attention Of(ResultRow row) => new(
            row.Text("name"), (int)row.Positive("rows"), (int)row.Positive("keys"), (int)row.Positive("heads"), (int)row.Positive("kv_heads"), (int)row.Positive("head_dim"),
            row.Positive("ours_ms") / 1e3, row.Positive("gflops") * 1e9, Origin.Of(row));

        public RooflinePoint Point
        {
            get
            {
                // How many pairs were visible depends on the mask; the row's rate counts them.
                var visible = (long)Math.Round(FlopsPerSecond * Seconds / (4.0 * Heads * HeadDim));
                var cost = AttentionCost.Of(Heads, KvHeads, HeadDim, new AttentionWork(Rows, Keys, visible), sizeof(float));
                return new(Rows == 1 ? "attention of 1 row" : "attention", "", (double)cost.Flops / cost.Bytes, cost.Flops / Seconds, Measured: true);
            }
        }
    }

    /// <summary>The memory of a weight that is only counted.</summary>
    private sealed class Nowhere : IDeviceBuffer
    {
        public long Bytes => 0;

        public void Dispose()
        {
        }
    }
}
