using NUnit.Framework;
using Tuna2.Engine.Sampling;

namespace Tuna2.Engine.Tests.Sampling;

public class TokenSamplerTests
{
    private const float None = float.NegativeInfinity;

    [TestCase(new[] { 1f, 3f, 3f, 2f }, 1)]
    [TestCase(new[] { None, None, -5f }, 2)]
    [TestCase(new[] { 0f, 0f }, 0)]
    public void Greedy_takes_the_first_of_the_largest(float[] logits, int expected) =>
        Assert.That(new TokenSampler(new(0, 0, 1, 1)).Pick(logits), Is.EqualTo(expected));

    /// <summary>Frequencies of many draws against the softmax of what the settings leave, within six standard deviations.</summary>
    [TestCase(1f, 0, 1f, new[] { 0.5, 0.3, 0.15, 0.05 }, TestName = "All tokens")]
    [TestCase(1f, 2, 1f, new[] { 0.625, 0.375, 0, 0 }, TestName = "Top 2")]
    [TestCase(1f, 1, 1f, new[] { 1.0, 0, 0, 0 }, TestName = "Top 1")]
    [TestCase(1f, 9, 1f, new[] { 0.5, 0.3, 0.15, 0.05 }, TestName = "Top k beyond the vocabulary")]
    [TestCase(1f, 0, 0.4f, new[] { 1.0, 0, 0, 0 }, TestName = "Top p below the first")]
    [TestCase(1f, 0, 0f, new[] { 1.0, 0, 0, 0 }, TestName = "Top p of nothing keeps one")]
    [TestCase(1f, 0, 0.79f, new[] { 0.625, 0.375, 0, 0 }, TestName = "Top p below two")]
    [TestCase(1f, 0, 0.81f, new[] { 0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0 }, TestName = "Top p above two")]
    [TestCase(1f, 3, 0.6f, new[] { 0.625, 0.375, 0, 0 }, TestName = "Top k then top p")]
    [TestCase(0.5f, 0, 1f, new[] { 0.25 / 0.365, 0.09 / 0.365, 0.0225 / 0.365, 0.0025 / 0.365 }, TestName = "Half the temperature squares")]
    [TestCase(1e-38f, 0, 1f, new[] { 1.0, 0, 0, 0 }, TestName = "The smallest temperature")]
    public void Draws_are_as_frequent_as_they_are_likely(float temperature, int topK, float topP, double[] expected)
    {
        const int draws = 20000;
        float[] logits = [.. new[] { 0.5, 0.3, 0.15, 0.05 }.Select(p => (float)Math.Log(p) + 3)];
        var sampler = new TokenSampler(new(temperature, topK, topP, Seed: 11));
        var counts = new int[logits.Length];
        for (var i = 0; i < draws; i++)
            counts[sampler.Pick((float[])logits.Clone())]++;
        for (var i = 0; i < counts.Length; i++)
            Assert.That((double)counts[i] / draws, Is.EqualTo(expected[i]).Within(6 * Math.Sqrt(expected[i] * (1 - expected[i]) / draws)), $"token {i}");
    }

    [Test]
    public void Top_k_keeps_what_ties_with_the_last()
    {
        var sampler = new TokenSampler(new(1, 2, 1, Seed: 3));
        var picked = Enumerable.Range(0, 300).Select(_ => sampler.Pick(new[] { 1f, 2f, 1f, 0f, 1f })).ToHashSet();
        Assert.That(picked, Is.EquivalentTo(new[] { 0, 1, 2, 4 }));
    }

    [Test]
    public void A_token_that_is_ruled_out_is_never_drawn()
    {
        var sampler = new TokenSampler(new(1, 0, 1, Seed: 3));
        Assert.That(Enumerable.Range(0, 300).Select(_ => sampler.Pick(new[] { None, 0f, None, 0f })), Is.All.AnyOf(1, 3));
    }

    [Test]
    public void A_seed_means_the_same_draws()
    {
        Assert.That(Draw(5), Is.EqualTo(Draw(5)));
        Assert.That(Draw(5), Is.Not.EqualTo(Draw(6)));

        static int[] Draw(long seed)
        {
            var sampler = new TokenSampler(new(1, 0, 1, seed));
            return [.. Enumerable.Range(0, 100).Select(_ => sampler.Pick(new float[50]))];
        }
    }

    [Test, Combinatorial]
    public void Logits_that_are_no_numbers_are_an_error([Values(0f, 1f)] float temperature, [Values(float.NaN, float.PositiveInfinity)] float bad, [Values(0, 17, 39)] int at)
    {
        var logits = new float[40];
        logits[at] = bad;
        Assert.That(() => new TokenSampler(new(temperature, 0, 1, 1)).Pick(logits), Throws.TypeOf<ModelException>());
        logits[at] = -bad;
        if (float.IsNaN(bad))
            Assert.That(() => new TokenSampler(new(temperature, 0, 1, 1)).Pick(logits), Throws.TypeOf<ModelException>(), "a NaN of the other sign");
    }

    [TestCase(0f)]
    [TestCase(1f)]
    public void Logits_that_rule_out_everything_are_an_error(float temperature) =>
        Assert.That(() => new TokenSampler(new(temperature, 0, 1, 1)).Pick(new[] { None, None }), Throws.TypeOf<ModelException>());
}
