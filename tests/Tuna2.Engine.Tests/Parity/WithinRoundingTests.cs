using NUnit.Framework;
using Tuna2.Engine.Parity;

namespace Tuna2.Engine.Tests.Parity;

/// <summary>The comparator for rounded outputs fails what is wrong: a tolerance that passes these would be decoration.</summary>
public class WithinRoundingTests
{
    private const int Rows = 19;
    private const int Columns = 256;

    private static readonly float[] Exact = [.. Enumerable.Range(0, Rows * Columns).Select(i => MathF.Sin(i * 0.37f) * (1 + i % 7))];
    private static readonly float[] Rounded = [.. Exact.Select(Bf16)];

    [Test]
    public void Values_rounded_as_the_reference_are_within_rounding() => Assert.That(Passes(_ => { }), Is.True);

    [Test]
    public void Another_rounding_is_within_rounding() =>
        Assert.That(Passes(x =>
        {
            for (var i = 0; i < x.Length; i++)
                x[i] = Bf16(MathF.BitIncrement(x[i] * 1.0005f));
        }), Is.True);

    [Test]
    public void A_scale_of_1_01_is_not() =>
        Assert.That(Passes(x =>
        {
            for (var i = 0; i < x.Length; i++)
                x[i] *= 1.01f;
        }), Is.False);

    [Test]
    public void A_zeroed_row_is_not() => Assert.That(Passes(x => x.AsSpan(11 * Columns, Columns).Clear()), Is.False);

    [Test]
    public void A_shifted_column_is_not() =>
        Assert.That(Passes(x =>
        {
            for (var r = 0; r < Rows; r++)
                x[r * Columns + 40] = x[r * Columns + 41];
        }), Is.False);

    [TestCase(float.NaN)]
    [TestCase(float.PositiveInfinity)]
    public void One_value_that_is_no_number_is_not(float value) => Assert.That(Passes(x => x[5 * Columns + 3] = value), Is.False);

    [Test]
    public void A_NaN_in_the_reference_is_not_a_licence()
    {
        var broken = (float[])Rounded.Clone();
        broken[7] = float.NaN;
        Assert.That(Comparison.Of(Rounded, Exact, Columns).WithinRounding(Comparison.Of(broken, Exact, Columns), Comparison.BF16Noise), Is.False);
    }

    private static bool Passes(Action<float[]> corrupt)
    {
        var actual = (float[])Rounded.Clone();
        corrupt(actual);
        return Comparison.Of(actual, Exact, Columns).WithinRounding(Comparison.Of(Rounded, Exact, Columns), Comparison.BF16Noise);
    }

    private static float Bf16(float x)
    {
        var bits = BitConverter.SingleToUInt32Bits(x);
        return BitConverter.UInt32BitsToSingle((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000);
    }
}
