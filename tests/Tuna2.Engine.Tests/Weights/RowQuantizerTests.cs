using System.Buffers.Binary;
using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Tests.Cpu;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Tests.Weights;

/// <summary>Rows to bytes and scales: where every bit lies, how far off they are, and what is refused.</summary>
public class RowQuantizerTests
{
    [Test]
    public void Bytes_are_the_row_over_its_largest_127th()
    {
        var (elements, scales, values) = Quantized(Precision.Int8, [0, 1, -2, 127, -126.4f, 63.5f, 62.5f]);
        Assert.That(elements.Select(e => (sbyte)e), Is.EqualTo(new[] { 0, 1, -2, 127, -126, 64, 62, 0, 0, 0, 0, 0, 0, 0, 0, 0 }), "ties to even, and zeros to the end of the word");
        Assert.That(BinaryPrimitives.ReadSingleLittleEndian(scales), Is.EqualTo(1));
        Assert.That(values, Is.EqualTo(new[] { 0, 1, -2, 127, -126, 64, 62 }));
    }

    /// <summary>What Int4 says of its layout, bit by bit: numbers from -8 on are held exactly.</summary>
    [Test]
    public void Nibbles_of_neighbours_lie_sixteen_bits_apart()
    {
        float[] row = [-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, .. Enumerable.Repeat(-8f, 16), -1, -8];
        var (elements, scales, values) = Quantized(Precision.Int4, row);
        Assert.That(values, Is.EqualTo(row));
        Assert.That(elements, Has.Length.EqualTo(32));
        Assert.That(scales, Is.EqualTo(new byte[] { 0x80, 0x3F, 0x80, 0x3F }), "two groups, 1 as bfloat16");
        // Columns 0, 2, 4, 6 from the lowest bit on, and 1, 3, 5, 7 from bit 16.
        Assert.That(BinaryPrimitives.ReadUInt32LittleEndian(elements), Is.EqualTo(0xFDB9ECA8));
        Assert.That(BinaryPrimitives.ReadUInt32LittleEndian(elements.AsSpan(4)), Is.EqualTo(0x75316420));
        Assert.That(BinaryPrimitives.ReadUInt32LittleEndian(elements.AsSpan(16)), Is.EqualTo(0x0008000F));
    }

    /// <summary>The largest of a group decides the scale's sign: the range has a step more below than above.</summary>
    [Test]
    public void A_group_whose_largest_is_positive_has_a_negative_scale()
    {
        var (_, scales, values) = Quantized(Precision.Int4, [.. Enumerable.Range(0, 32).Select(i => (float)(8 - i % 16))]);
        Assert.That(BinaryPrimitives.ReadUInt16LittleEndian(scales), Is.EqualTo(0xBF80));
        Assert.That(values, Is.EqualTo(Enumerable.Range(0, 32).Select(i => (float)(8 - i % 16))));
    }

    [Test]
    public void No_byte_is_further_off_than_half_a_step([Values(1, 15, 16, 17, 1000)] int columns)
    {
        var row = new SeededNumbers(columns).Floats(columns, 0.1f);
        var (_, scales, values) = Quantized(Precision.Int8, row);
        var step = BinaryPrimitives.ReadSingleLittleEndian(scales);
        Assert.That(row.Zip(values, (a, b) => Math.Abs(a - b)), Is.All.LessThanOrEqualTo(0.5001f * step));
    }

    /// <summary>Least squares is never worse than what it may choose among: the largest element to the end of the range.</summary>
    [Test]
    public void Nibbles_are_nearer_than_the_largest_alone_would_have_them([Values(1, 31, 32, 33, 200)] int columns)
    {
        double found = 0, plain = 0, all = 0;
        for (var seed = 0; seed < 20; seed++)
        {
            // Nearly normal, as weights are.
            var numbers = new SeededNumbers(seed);
            var row = Enumerable.Range(0, columns).Select(_ => numbers.Floats(6).Sum() * 0.02f).ToArray();
            var (_, _, values) = Quantized(Precision.Int4, row);
            found += row.Zip(values, (a, b) => ((double)a - b) * ((double)a - b)).Sum();
            all += row.Sum(x => (double)x * x);
            foreach (var group in row.Chunk(Precisions.Int4Group))
            {
                var largest = group.MaxBy(Math.Abs);
                plain += group.Sum(x => Math.Pow(x - Math.Clamp(Math.Round(x * -8 / largest), -8, 7) * largest / -8, 2));
            }
        }
        TestContext.Out.WriteLine($"{columns}: {Math.Sqrt(found / all):P2}, {Math.Sqrt(plain / all):P2}");
        // A scale of bfloat16 is off by a 512th; of a single element that is all there is.
        Assert.That(found, Is.LessThan((columns == 1 ? 0 : 0.95 * plain) + all / 100_000));
    }

    [Test]
    public void Zeros_and_what_has_no_scale_become_zeros([Values(Precision.Int8, Precision.Int4, Precision.Fp8)] Precision precision, [Values(0f, 1e-42f, -1e-38f)] float element)
    {
        var (elements, scales, values) = Quantized(precision, [.. Enumerable.Repeat(element, 40)]);
        Assert.That(values, Is.All.Zero);
        Assert.That(elements.Concat(scales), Is.All.Zero);
    }

    [Test]
    public void The_largest_numbers_there_are_do_not_overflow([Values(Precision.Int8, Precision.Int4, Precision.Fp8)] Precision precision)
    {
        foreach (var row in new float[][] { [float.MaxValue, -float.MaxValue, float.MaxValue / 2, 0], [float.MaxValue], [-float.MaxValue] })
        {
            var (_, _, values) = Quantized(precision, row);
            Assert.That(row.Zip(values, (a, b) => Math.Abs(a / 2 - b / 2)), Is.All.LessThan(float.MaxValue / 14));
        }
    }

    [Test]
    public void What_is_not_finite_is_named([Values(Precision.Int8, Precision.Int4, Precision.Fp8)] Precision precision, [Values(float.NaN, float.PositiveInfinity, float.NegativeInfinity)] float bad)
    {
        var row = new SeededNumbers(1).Floats(50);
        row[37] = bad;
        var quantizer = new RowQuantizer(precision, row.Length);
        Assert.That(quantizer.Quantize(row, new byte[quantizer.ElementBytes], new byte[quantizer.ScaleBytes]), Is.EqualTo(37));
    }

    /// <summary>Bytes that were made once: whoever changes one of them changes what a seed draws.</summary>
    [TestCase(Precision.Int8, "ef946da3abebdc7f")]
    [TestCase(Precision.Int4, "9d0bccf5fdc62709")]
    public void The_bytes_are_those_of_every_other_machine(Precision precision, string expected)
    {
        var tensor = HashedTensor.Of("tuna.model.layers.0.mlp.down_proj.weight", [64, 1000]);
        using var hash = System.Security.Cryptography.IncrementalHash.CreateHash(System.Security.Cryptography.HashAlgorithmName.SHA256);
        for (var row = 0; row < 64; row++)
        {
            // Products of two uniform numbers: a peak and tails.
            var (elements, scales, _) = Quantized(precision, [.. Enumerable.Range(0, 1000).Select(i => tensor[row * 1000 + i] * tensor[64_000 + row * 1000 + i])]);
            hash.AppendData(elements);
            hash.AppendData(scales);
        }
        Assert.That(Convert.ToHexStringLower(hash.GetHashAndReset())[..16], Is.EqualTo(expected));
    }

    private static (byte[] Elements, byte[] Scales, float[] Values) Quantized(Precision precision, float[] row)
    {
        var quantizer = new RowQuantizer(precision, row.Length);
        byte[] elements = new byte[quantizer.ElementBytes], scales = new byte[quantizer.ScaleBytes];
        Assert.That(quantizer.Quantize(row, elements, scales), Is.EqualTo(-1));
        var values = new float[row.Length];
        quantizer.Dequantize(elements, scales, values);
        return (elements, scales, values);
    }
}
