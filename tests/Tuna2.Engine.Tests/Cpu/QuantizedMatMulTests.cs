using NUnit.Framework;
using Tuna2.Bench.Cases;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Tests.Cpu;

/// <summary>Products with quantized weights: those of the numbers they stand for.</summary>
public class QuantizedMatMulTests
{
    private const double Limit = 2e-6;

    [Test, Combinatorial]
    public void A_product_agrees_with_double_precision(
        [Values(Precision.Int8, Precision.Int4, Precision.Fp8)] Precision precision, [Values(1, 2, 6, 7, 19)] int rows, [Values(1, 33)] int n, [Values(1, 7, 31, 32, 65, 300, 513)] int k)
    {
        var numbers = new SeededNumbers(rows * 31 + n + k);
        float[] x = numbers.Floats(rows * k), w = numbers.Floats(n * k);
        var values = QuantizedOperand.Of(precision, w, n, k).Values;
        var read = x.ToArray();
        if (precision == Precision.Fp8 && rows > MatMul.FewRows)
            for (var row = 0; row < rows; row++)
                E4M3.Round(x.AsSpan(row * k, k), read.AsSpan(row * k, k));
        var expected = new double[rows * n];
        for (var i = 0; i < expected.Length; i++)
            for (var j = 0; j < k; j++)
                expected[i] += (double)read[i / n * k + j] * values[i % n * k + j];
        Everywhere.Computes(expected, n, Limit, rig =>
        {
            var y = rig.Value("y", rows, n);
            rig.Run(new MatMul("product", rig.Value("x", rows, k, x), rig.Quantized(n, k, precision, w).Weight, y), new Batch());
            return rig.Read(y);
        });
    }

    [Test]
    public void A_row_has_the_same_bits_among_few_others_and_many_at_every_width([Values(Precision.Int8, Precision.Int4, Precision.Fp8)] Precision precision)
    {
        const int n = 37, k = 700;
        int[] counts = [2, 5, 6, 7, 240, 241];
        var numbers = new SeededNumbers(n);
        float[] x = numbers.Floats(counts.Max() * k), w = numbers.Floats(n * k);
        float[]? all = null;
        foreach (var backend in Everywhere.Backends)
        {
            using var rig = new CpuRig(backend);
            var weight = rig.Quantized(n, k, precision, w).Weight;
            foreach (var rows in counts.Where(c => precision != Precision.Fp8 || c > MatMul.FewRows).OrderDescending())
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
    public void What_a_product_reads_is_counted_with_its_scales()
    {
        using var rig = new CpuRig(Everywhere.Backends.First());
        Value x = rig.Value("x", 2, 40), y = rig.Value("y", 2, 3);
        float[] w = new SeededNumbers(1).Floats(3 * 40);
        Assert.That(new MatMul("bytes", x, rig.Quantized(3, 40, Precision.Int8, w).Weight, y).Bytes(4), Is.EqualTo(3 * (48 + 4) + 4 * (2 * 40 + 2 * 3)));
        Assert.That(new MatMul("nibbles", x, rig.Quantized(3, 40, Precision.Int4, w).Weight, y).Bytes(4), Is.EqualTo(3 * (32 + 2 * 2) + 4 * (2 * 40 + 2 * 3)));
    }
}
