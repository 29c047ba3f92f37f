using NUnit.Framework;

namespace Tuna2.Engine.Tests.Bench;

/// <summary>The exponent of a growth.</summary>
public class PowerLawTests
{
    [TestCase(1.0)]
    [TestCase(2.0)]
    [TestCase(1.37)]
    [TestCase(0.0)]
    [TestCase(-0.5)]
    public void A_known_exponent_is_found_again(double exponent)
    {
        var law = PowerLaw.Fit(new[] { 256, 512, 1024, 4096 }.Select(x => ((double)x, 3e-4 * Math.Pow(x, exponent))))!;
        Assert.That(law.Exponent, Is.EqualTo(exponent).Within(1e-12));
        Assert.That(law.Factor, Is.EqualTo(3e-4).Within(1e-9).Percent);
        Assert.That(law.At(2048), Is.EqualTo(3e-4 * Math.Pow(2048, exponent)).Within(1e-9).Percent);
    }

    /// <summary>A tenth up at both ends and down between leaves the slope, and a large time weighs no more than a small one.</summary>
    [Test]
    public void Noise_counts_by_its_ratio()
    {
        var law = PowerLaw.Fit([(1, 1 * 1.1), (10, 10 / 1.1), (100, 100 / 1.1), (1000, 1000 * 1.1)])!;
        Assert.That(law.Exponent, Is.EqualTo(1).Within(1e-12));
        Assert.That(law.Factor, Is.EqualTo(1).Within(1e-9).Percent);
    }

    [Test]
    public void One_size_has_no_exponent()
    {
        Assert.That(PowerLaw.Fit([]), Is.Null);
        Assert.That(PowerLaw.Fit([(4, 1), (4, 2)]), Is.Null);
    }

    [TestCase(0, 1)]
    [TestCase(1, 0)]
    [TestCase(-1, 1)]
    [TestCase(1, double.NaN)]
    [TestCase(1, double.PositiveInfinity)]
    public void What_has_no_logarithm_is_refused(double x, double y) => Assert.That(() => PowerLaw.Fit([(1, 1), (x, y)]), Throws.ArgumentException);
}
