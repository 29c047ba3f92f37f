using NUnit.Framework;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Graph;

public class RotaryEmbeddingTests
{
    private const double Precision = 4e-7; // of float32, with a power behind it

    [TestCase(128, 1e6)]
    [TestCase(64, 5e5)]
    [TestCase(24, 1e4)]
    [TestCase(2, 1e4)]
    public void Frequencies_fall_from_one_by_equal_ratios(int dim, double theta)
    {
        var frequencies = RotaryEmbedding.Frequencies(dim, theta);
        Assert.That(frequencies, Has.Length.EqualTo(dim / 2));
        for (var i = 0; i < frequencies.Length; i++)
        {
            var expected = Math.Exp(-Math.Log(theta) * 2 * i / dim);
            Assert.That((double)frequencies[i], Is.EqualTo(expected).Within(Precision * expected));
        }
    }

    /// <summary>
    /// The flow head's: theta 500000 over 64 elements, factor 32, low 1, high 4, original length 8192. Computed beforehand in
    /// double precision from the published rule: wavelengths below 2048 stay, above 8192 become 32 times as long, between them
    /// the two blend linearly in 8192 / wavelength.
    /// </summary>
    [TestCase(0, 1.0)]
    [TestCase(1, 0.663601238)]
    [TestCase(14, 0.00321144599)] // wavelength 1956: the last that stays
    [TestCase(15, 0.00129054793)] // 2948: blended
    [TestCase(16, 0.000429556797)] // 4443
    [TestCase(17, 9.7082878e-05)] // 6695: the last that is blended
    [TestCase(18, 1.94616382e-05)] // 10089: scaled
    [TestCase(31, 9.41830673e-08)]
    public void Llama3_scaling_slows_long_waves_only(int index, double expected)
    {
        var frequencies = RotaryEmbedding.Llama3Frequencies(64, 500000, factor: 32, low: 1, high: 4, originalLength: 8192);
        Assert.That((double)frequencies[index], Is.EqualTo(expected).Within(2e-6 * expected));
    }
}
