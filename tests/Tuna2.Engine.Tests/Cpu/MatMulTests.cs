using NUnit.Framework;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Cpu;

public class MatMulTests
{
    private const double Limit = 2e-6;

    private static IEnumerable<TestCaseData> Sizes()
    {
        foreach (var rows in new[] { 1, 4, 5, 6, 17, 19 })
            foreach (var (n, k) in new[] { (1, 7), (15, 192), (267, 257), (456, 65), (1, 3584) })
                yield return new TestCaseData(rows, n, k);
        foreach (var rows in new[] { 2, 3, 7, 8, 13 })
            foreach (var (n, k) in new[] { (17, 63), (33, 64), (15, 256), (40, 513) })
                yield return new TestCaseData(rows, n, k);
        foreach (var rows in new[] { 240, 241, 481, 989 })
            foreach (var (n, k) in new[] { (1, 257), (15, 192), (267, 7), (33, 1) })
                yield return new TestCaseData(rows, n, k);
    }

    [TestCaseSource(nameof(Sizes))]
    public void A_product_agrees_with_double_precision(int rows, int n, int k)
    {
        foreach (var precision in new[] { Precision.BF16, Precision.F32 })
        {
            var numbers = new SeededNumbers(rows * 31 + n + k);
            float[] x = numbers.Floats(rows * k), w = numbers.Floats(n * k, precision);
            Everywhere.Computes(Product(x, w, rows, n, k), n, Limit, rig =>
            {
                var y = rig.Value("y", rows, n);
                rig.Run(new MatMul("product", rig.Value("x", rows, k, x), rig.Weight(n, k, precision, w), y), new Batch());
                return rig.Read(y);
            });
        }
    }

    /// <summary>
    /// The prefix path and the full path meet the same rows in different company. A single row is summed in an order of its own.
    /// </summary>
    [TestCase(37, 700, 2, 3, 4, 5, 6, 7, 8, 13, 240, 241)]
    [TestCase(256, 1024, 2, 6, 7, 64)]
    [TestCase(3, 800_000, 2, 7, 13)]
    public void A_row_has_the_same_bits_among_few_others_and_many_at_every_width(int n, int k, params int[] counts)
    {
        var numbers = new SeededNumbers(n);
        float[] x = numbers.Floats(counts.Max() * k), w = numbers.Floats(n * k, Precision.BF16);
        float[]? all = null;
        foreach (var backend in k > 1024 ? Everywhere.Backends.Skip(7).Take(1) : Everywhere.Backends)
        {
            using var rig = new CpuRig(backend);
            var weight = rig.Weight(n, k, Precision.BF16, w);
            foreach (var rows in counts.OrderDescending())
            {
                var y = rig.Value("y", rows, n);
                rig.Run(new MatMul("product", rig.Value("x", rows, k, x[..(rows * k)]), weight, y), new Batch());
                var actual = rig.Read(y);
                all ??= actual;
                Assert.That(actual.AsSpan().SequenceEqual(all.AsSpan(0, actual.Length)), $"{backend.Simd}, {backend.Threads} threads, {rows} rows");
            }
        }
    }

    [Test]
    public void NaN_and_infinity_reach_every_output_they_enter_and_no_other([Values(1, 6, 7, 19)] int rows)
    {
        const int n = 33, k = 300, column = 20;
        foreach (var backend in Everywhere.Backends)
            foreach (var bad in new[] { float.NaN, float.PositiveInfinity })
            {
                var numbers = new SeededNumbers(rows);
                float[] x = numbers.Floats(rows * k), w = numbers.Floats(n * k, Precision.BF16);
                x[(rows - 1) * k + 277] = bad;
                w[column * k + 3] = bad;
                using var rig = new CpuRig(backend);
                var y = rig.Value("y", rows, n);
                rig.Run(new MatMul("product", rig.Value("x", rows, k, x), rig.Weight(n, k, Precision.BF16, w), y), new Batch());
                var actual = rig.Read(y);
                Assert.That(Enumerable.Range(0, actual.Length).Where(i => !float.IsFinite(actual[i])),
                    Is.EqualTo(Enumerable.Range(0, actual.Length).Where(i => i / n == rows - 1 || i % n == column)), $"{backend.Simd}, {bad}");
            }
    }

    [Test, Combinatorial]
    public void Bias_activation_gate_and_residual_follow_in_this_order(
        [Values(1, 3, 19)] int rows, [Values] bool bias, [Values(Activation.None, Activation.GeluTanh, Activation.Gelu)] Activation activation, [Values] bool gate, [Values] bool residual, [Values] bool inPlace)
    {
        const int n = 267, k = 33, chunks = 3, chunk = 1;
        if (inPlace && !residual)
            Assert.Pass("there is no residual to overwrite");
        var numbers = new SeededNumbers(7);
        float[] x = numbers.Floats(rows * k), w = numbers.Floats(n * k, Precision.BF16), b = numbers.Floats(n);
        float[] table = numbers.Floats(Batches.ModRows * chunks * n), r = numbers.Floats(rows * n);
        var batch = Batches.Mixed(rows);

        var expected = Product(x, w, rows, n, k);
        for (var i = 0; i < expected.Length; i++)
        {
            var mod = batch.ModRow(i / n);
            expected[i] += bias ? b[i % n] : 0;
            expected[i] = activation switch
            {
                Activation.GeluTanh => expected[i] / 2 * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (expected[i] + 0.044715 * Math.Pow(expected[i], 3)))),
                Activation.Gelu => expected[i] / 2 * ErrorFunction.OnePlusErf(expected[i] / Math.Sqrt(2)),
                _ => expected[i],
            };
            expected[i] *= gate && mod >= 0 ? table[(mod * chunks + chunk) * n + i % n] : 1;
            expected[i] += residual ? r[i] : 0;
        }
        Everywhere.Computes(expected, n, Limit, rig =>
        {
            var added = residual ? rig.Value("residual", rows, n, r) : null;
            var y = inPlace ? added! : rig.Value("y", rows, n);
            rig.Run(new MatMul("product", rig.Value("x", rows, k, x), rig.Weight(n, k, Precision.BF16, w), y,
                bias ? rig.Vector(b) : null, added, gate ? new Modulation(rig.Value("table", Batches.ModRows, chunks * n, table), chunk) : null, activation), batch);
            return rig.Read(y);
        });
    }

    [Test]
    public void A_gate_outside_its_table_is_an_error()
    {
        using var rig = new CpuRig(Everywhere.Backends.First());
        Value x = rig.Value("x", 4, 2, new float[8]), y = rig.Value("y", 4, 2), table = rig.Value("table", 2, 4, new float[8]);
        var weight = rig.Weight(2, 2, Precision.F32, new float[4]);
        Assert.Multiple(() =>
        {
            Assert.That(() => rig.Run(new MatMul("row", x, weight, y, gate: new(table, 0)), Batches.Mixed(4)), Throws.InvalidOperationException);
            Assert.That(() => rig.Run(new MatMul("chunk", x, weight, y, gate: new(table, 2)), new Batch()), Throws.InvalidOperationException);
        });
    }

    [Test]
    public void A_weight_that_does_not_fit_is_an_error()
    {
        using var rig = new CpuRig(Everywhere.Backends.First());
        Value x = rig.Value("x", 1, 3), y = rig.Value("y", 1, 2);
        Assert.That(() => new MatMul("product", x, rig.Weight(3, 2, Precision.F32, new float[6]), y), Throws.ArgumentException.With.Message.Contains("product"));
    }

    [Test]
    public void A_residual_that_is_the_input_too_is_not_overwritten()
    {
        using var rig = new CpuRig(Everywhere.Backends.First());
        Value x = rig.Value("x", 1, 2), other = rig.Value("other", 1, 2), y = rig.Value("y", 1, 2);
        var weight = rig.Weight(2, 2, Precision.F32, new float[4]);
        Assert.Multiple(() =>
        {
            Assert.That(new MatMul("product", x, weight, y, residual: x).Replaceable, Is.Null);
            Assert.That(new MatMul("product", x, weight, y, residual: other).Replaceable, Is.SameAs(other));
        });
    }

    private static double[] Product(float[] x, float[] w, int rows, int n, int k)
    {
        var y = new double[rows * n];
        for (var row = 0; row < rows; row++)
            for (var j = 0; j < n; j++)
                for (var i = 0; i < k; i++)
                    y[row * n + j] += (double)x[row * k + i] * w[j * k + i];
        return y;
    }
}
