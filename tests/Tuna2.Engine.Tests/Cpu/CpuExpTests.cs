using System.Runtime.Intrinsics;
using NUnit.Framework;
using Tuna2.Engine.Cpu;

namespace Tuna2.Engine.Tests.Cpu;

public unsafe class CpuExpTests
{
    [Test]
    public void It_is_within_one_unit_in_the_last_place_from_the_smallest_normal_result_to_the_largest()
    {
        var worst = 0.0;
        // Every 997th float32 from 0 to 88.37 and from -0 to -87.33.
        foreach (var (end, sign) in new[] { (88.37f, 0u), (87.33f, 0x80000000u) })
            for (uint bits = 0; bits <= BitConverter.SingleToUInt32Bits(end); bits += 997)
            {
                var x = BitConverter.UInt32BitsToSingle(bits | sign);
                var expected = Math.Exp(x);
                worst = Math.Max(worst, Math.Abs(CpuExp.Of<ScalarSimd, float>(x) - expected) / (MathF.BitIncrement((float)expected) - (float)expected));
            }
        Assert.That(worst, Is.LessThan(1));
    }

    [Test]
    public void A_power_of_two_is_within_one_unit_in_the_last_place_and_exact_at_whole_exponents()
    {
        var worst = 0.0;
        for (uint bits = 0; bits <= BitConverter.SingleToUInt32Bits(126f); bits += 997)
        {
            var y = BitConverter.UInt32BitsToSingle(bits | 0x80000000u);
            var expected = Math.Pow(2, y);
            worst = Math.Max(worst, Math.Abs(CpuExp.PowerOfTwo<ScalarSimd, float>(y) - expected) / (MathF.BitIncrement((float)expected) - (float)expected));
        }
        Assert.Multiple(() =>
        {
            Assert.That(worst, Is.LessThan(1));
            for (var n = 0; n <= 126; n++)
                Assert.That(CpuExp.PowerOfTwo<ScalarSimd, float>(-n), Is.EqualTo(MathF.Pow(2, -n)));
            foreach (var y in new[] { -126.6f, -1000, float.MinValue, float.NegativeInfinity })
                Assert.That(CpuExp.PowerOfTwo<ScalarSimd, float>(y), Is.Zero, $"{y}");
            Assert.That(CpuExp.PowerOfTwo<ScalarSimd, float>(float.NaN), Is.NaN);
        });
    }

    [TestCase(0f, 1f)]
    [TestCase(-0f, 1f)]
    [TestCase(-87.69f, 0f)]
    [TestCase(-1000f, 0f)]
    [TestCase(float.MinValue, 0f)]
    [TestCase(float.NegativeInfinity, 0f)]
    [TestCase(88.38f, float.PositiveInfinity)]
    [TestCase(float.MaxValue, float.PositiveInfinity)]
    [TestCase(float.PositiveInfinity, float.PositiveInfinity)]
    [TestCase(float.NaN, float.NaN)]
    public void Beyond_its_range_it_is_zero_or_infinite_and_NaN_stays(float x, float expected)
    {
        Assert.That(CpuExp.Of<ScalarSimd, float>(x), Is.EqualTo(expected));
        Same(x);
    }

    [Test]
    public void Every_width_gives_the_same_bits()
    {
        foreach (var x in new SeededNumbers(3).Floats(10000, 100))
            Same(x);
    }

    private static void Same(float x)
    {
        float expected = CpuExp.Of<ScalarSimd, float>(x), power = CpuExp.PowerOfTwo<ScalarSimd, float>(-MathF.Abs(x));
        Assert.Multiple(() =>
        {
            Assert.That(CpuExp.PowerOfTwo<Simd128, Vector128<float>>(Vector128.Create(-MathF.Abs(x))), Is.EqualTo(Vector128.Create(power)));
            Assert.That(CpuExp.PowerOfTwo<Simd256, Vector256<float>>(Vector256.Create(-MathF.Abs(x))), Is.EqualTo(Vector256.Create(power)));
            Assert.That(CpuExp.PowerOfTwo<Simd512, Vector512<float>>(Vector512.Create(-MathF.Abs(x))), Is.EqualTo(Vector512.Create(power)));
            Assert.That(CpuExp.Of<Simd128, Vector128<float>>(Vector128.Create(x)), Is.EqualTo(Vector128.Create(expected)));
            Assert.That(CpuExp.Of<Simd256, Vector256<float>>(Vector256.Create(x)), Is.EqualTo(Vector256.Create(expected)));
            Assert.That(CpuExp.Of<Simd512, Vector512<float>>(Vector512.Create(x)), Is.EqualTo(Vector512.Create(expected)));
        });
    }
}
