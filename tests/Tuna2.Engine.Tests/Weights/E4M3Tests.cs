using NUnit.Framework;
using Tuna2.Engine.Tests.Cpu;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Tests.Weights;

/// <summary>Eight-bit floats beside the table of their values, written out from the format's definition.</summary>
public class E4M3Tests
{
    /// <summary>Magnitudes of the bytes 0 to 126: (8 + m) / 8 x 2^(e - 7), or m / 8 x 2^-6.</summary>
    private static readonly double[] _values =
        [.. Enumerable.Range(0, 127).Select(b => b >> 3 is > 0 and var e ? (8 + (b & 7)) / 8.0 * Math.Pow(2, e - 7) : (b & 7) / 8.0 / 64)];

    [Test]
    public void Every_byte_is_its_number_and_its_number_that_byte()
    {
        for (var b = 0; b < 127; b++)
        {
            Assert.That((double)E4M3.Value((byte)b), Is.EqualTo(_values[b]));
            Assert.That((double)E4M3.Value((byte)(b | 0x80)), Is.EqualTo(-_values[b]));
            Assert.That(E4M3.Byte((float)_values[b]), Is.EqualTo(b));
            Assert.That(E4M3.Byte(-(float)_values[b]), Is.EqualTo(b == 0 ? 0 : b | 0x80), "zero has no sign");
        }
        Assert.That(E4M3.Value(0x7F), Is.NaN);
        Assert.That(E4M3.Value(0xFF), Is.NaN);
    }

    /// <summary>Just below the middle of two neighbours, in it, and just above: ties go to the even byte.</summary>
    [Test]
    public void What_lies_between_two_numbers_becomes_the_nearer()
    {
        for (var b = 0; b < 126; b++)
        {
            var middle = (float)((_values[b] + _values[b + 1]) / 2);
            foreach (var sign in new[] { 1, -1 })
            {
                Assert.That((double)E4M3.Nearest(sign * MathF.BitDecrement(middle)), Is.EqualTo(sign * _values[b]), $"below {middle}");
                Assert.That((double)E4M3.Nearest(sign * middle), Is.EqualTo(sign * _values[b % 2 == 0 ? b : b + 1]), $"{middle}");
                Assert.That((double)E4M3.Nearest(sign * MathF.BitIncrement(middle)), Is.EqualTo(sign * _values[b + 1]), $"above {middle}");
            }
        }
    }

    [TestCase(448f, 1f)]
    [TestCase(449f, 2f)]
    [TestCase(224f, 0.5f)]
    [TestCase(225f, 1f)]
    [TestCase(1f, 1f / 256)]
    [TestCase(1e-20f, 2.6469780e-23f)]
    [TestCase(3.4028235e38f, 1.3292280e36f)]
    [TestCase(7e-31f, 0f)]
    [TestCase(0f, 0f)]
    [TestCase(1e-42f, 0f)]
    public void A_scale_is_a_power_of_two_that_brings_the_largest_into_range(float largest, float scale)
    {
        Assert.That(E4M3.ScaleOf(largest), Is.EqualTo(scale));
        if (scale > 0)
            Assert.That((double)largest / scale, Is.GreaterThan(224).And.LessThanOrEqualTo(448));
    }

    /// <summary>Vectors and what is left of them; magnitudes over the whole range, where the smallest become zeros.</summary>
    [Test]
    public void A_rounded_row_is_the_nearest_of_its_scale([Values(1, 7, 8, 9, 300)] int columns)
    {
        var numbers = new SeededNumbers(columns);
        var row = Enumerable.Range(0, columns).Select(i => numbers.Floats(1)[0] * MathF.Pow(2, 20 - i % 40)).ToArray();
        var scale = E4M3.ScaleOf(row.Max(MathF.Abs));
        var rounded = new float[columns];
        E4M3.Round(row, rounded);
        for (var i = 0; i < columns; i++)
            Assert.That(Math.Abs(rounded[i]) / (double)scale, Is.EqualTo(_values.MinBy(v => Math.Abs(Math.Abs(row[i]) / (double)scale - v))), $"{i}: {row[i]}");
        Assert.That(rounded.Zip(row, (a, b) => a == 0 || a > 0 == b > 0), Is.All.True);
        E4M3.Round(rounded, row);
        Assert.That(row, Is.EqualTo(rounded), "rounded again nothing changes");
    }

    [Test]
    public void NaN_stays_where_it_is_and_a_row_with_an_infinity_is_left_alone()
    {
        float[] row = [.. Enumerable.Repeat(1.03f, 20)], rounded = new float[20];
        (row[3], row[17]) = (float.NaN, -float.NaN);
        E4M3.Round(row, rounded);
        Assert.That(rounded.Select(float.IsNaN), Is.EqualTo(row.Select(float.IsNaN)));
        Assert.That(rounded[0], Is.EqualTo(1));
        row[5] = float.NegativeInfinity;
        E4M3.Round(row, rounded);
        Assert.That(rounded, Is.EqualTo(row));
    }
}
