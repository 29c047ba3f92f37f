using NUnit.Framework;
using Tuna2.Engine.Sampling;

namespace Tuna2.Engine.Tests.Sampling;

public class PhiloxTests
{
    /// <summary>The known answers of Random123 (kat_vectors, philox4x32 with 10 rounds).</summary>
    [TestCase(0ul, 0ul, 0ul, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [TestCase(ulong.MaxValue, ulong.MaxValue, ulong.MaxValue, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [TestCase(0x299f31d0a4093822ul, 0x85a308d3243f6a88ul, 0x0370734413198a2eul, 0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void It_gives_the_published_answers(ulong key, ulong low, ulong high, uint w0, uint w1, uint w2, uint w3) =>
        Assert.That(Philox.Block(key, low, high), Is.EqualTo((w0, w1, w2, w3)));

    [Test]
    public void Uniform_numbers_fill_the_unit_interval_evenly()
    {
        const int draws = 100000, bins = 10;
        var counts = new int[bins];
        for (ulong i = 0; i < draws; i++)
            counts[(int)(Philox.Uniform(7, i) * bins)]++;
        // Six standard deviations.
        Assert.That(counts, Is.All.EqualTo(draws / bins).Within(6 * Math.Sqrt(draws / bins * (1 - 1.0 / bins))));
    }
}
