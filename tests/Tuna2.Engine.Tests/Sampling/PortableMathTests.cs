using NUnit.Framework;
using Tuna2.Engine.Sampling;

namespace Tuna2.Engine.Tests.Sampling;

/// <summary>Against double precision, over the arguments that noise brings: every 97th of the 2^24 uniform values.</summary>
public class PortableMathTests
{
    [Test]
    public void The_logarithm_is_within_one_unit_of_the_last_place()
    {
        for (var i = 1; i <= 1 << 24; i += 97)
        {
            var x = i / (float)(1 << 24);
            AssertWithinOneUnit(PortableMath.Log(x), Math.Log(x), x);
        }
        Assert.That(PortableMath.Log(1f), Is.Zero);
    }

    [Test]
    public void Sine_and_cosine_are_within_one_unit_of_the_last_place()
    {
        for (var i = 0; i < 1 << 24; i += 97)
        {
            var angle = (float)(2.0 * Math.PI * i / (1 << 24));
            var (sine, cosine) = PortableMath.SinCos(angle);
            AssertWithinOneUnit(sine, Math.Sin(angle), angle);
            AssertWithinOneUnit(cosine, Math.Cos(angle), angle);
        }
    }

    private static void AssertWithinOneUnit(float actual, double expected, float argument)
    {
        var unit = (double)MathF.BitIncrement(MathF.Abs((float)expected)) - MathF.Abs((float)expected);
        if (!(Math.Abs(actual - expected) <= unit)) // written so that a NaN fails
            Assert.Fail($"{actual} instead of {expected} at {argument}");
    }
}
