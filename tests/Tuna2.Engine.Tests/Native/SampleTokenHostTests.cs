using NUnit.Framework;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Sampling;

namespace Tuna2.Engine.Tests.Native;

/// <summary>kernels/sample_token.cu in the host runner, against the CPU's <see cref="TokenSampler"/>.</summary>
public class SampleTokenHostTests
{
    private const float None = float.NegativeInfinity;
    private const int Seed = 11;

    private static readonly HostRunner Runner = new();

    [TestCase(new[] { 1f, 3f, 3f, 2f }, 1)]
    [TestCase(new[] { None, None, -5f }, 2)]
    [TestCase(new[] { 0f, 0f }, 0)]
    [TestCase(new[] { -0f, 0f }, 0)]
    [TestCase(new[] { None, 0f, -0f }, 1)]
    public void Greedy_takes_the_first_of_the_largest(float[] logits, int expected) =>
        Assert.That(Pick(logits, 0), Is.EqualTo(expected));

    [Test]
    public void Greedy_takes_the_first_of_the_largest_wherever_it_is([Values(267, 151669)] int vocabulary)
    {
        foreach (var first in new[] { 0, 31, 32, 266, vocabulary / 2, vocabulary - 1 })
        {
            var logits = Logits(vocabulary, 1);
            foreach (var at in new[] { first, (first + vocabulary) / 2, vocabulary - 1 })
                logits[at] = 100;
            Assert.That(Pick(logits, 0), Is.EqualTo(first));
        }
    }

    [TestCase(1, 1f, 0, 1f)]
    [TestCase(1, 0.7f, 5, 0.5f)]
    [TestCase(267, 1f, 0, 1f)]
    [TestCase(267, 0.3f, 0, 1f)]
    [TestCase(267, 1f, 20, 1f)]
    [TestCase(267, 1f, 267, 1f)]
    [TestCase(267, 1f, 1, 1f)]
    [TestCase(267, 1f, 0, 0.9f)]
    [TestCase(267, 1f, 0, 0f)]
    [TestCase(267, 1.7f, 50, 0.8f)]
    [TestCase(267, 1e-38f, 0, 1f)]
    [TestCase(267, 1e-45f, 0, 0.9f)]
    [TestCase(267, 1e30f, 9, 1f)]
    public void Draws_what_the_CPU_draws(int vocabulary, float temperature, int topK, float topP)
    {
        const int draws = 12;
        var logits = Logits(vocabulary, vocabulary);
        var sampler = new TokenSampler(new(temperature, topK, topP, Seed));
        var expected = Enumerable.Range(0, draws).Select(_ => sampler.Pick(logits));
        Assert.That(Enumerable.Range(0, draws).Select(draw => Pick(logits, temperature, topK, topP, draw, isChecked: draw == 0)), Is.EqualTo(expected));
    }

    [TestCase(1f, 0, 1f)]
    [TestCase(0.8f, 40, 0.95f)]
    public void Draws_what_the_CPU_draws_from_the_whole_vocabulary(float temperature, int topK, float topP)
    {
        var logits = Logits(151669, 5);
        var sampler = new TokenSampler(new(temperature, topK, topP, Seed));
        for (var draw = 0; draw < 3; draw++)
            Assert.That(Pick(logits, temperature, topK, topP, draw, isChecked: draw == 0), Is.EqualTo(sampler.Pick(logits)));
    }

    /// <summary>Thresholds are logits: all that tie with the last one kept are kept, and both zeros are one.</summary>
    [TestCase(2, 1f, new[] { 1f, 2f, 1f, 0f, 1f }, new[] { 0, 1, 2, 4 })]
    [TestCase(2, 1f, new[] { 0f, 2f, -0f, -1f }, new[] { 0, 1, 2 })]
    [TestCase(0, 0.5f, new[] { 1f, 2f, 1f, 0f, 1f }, new[] { 0, 1, 2, 4 })]
    [TestCase(0, 0.1f, new[] { 1f, 2f, 2f, 0f, 1f }, new[] { 1, 2 })]
    [TestCase(4, 0.6f, new[] { 1f, 2f, None, 0f, 1f }, new[] { 0, 1, 4 })]
    public void What_ties_with_the_last_one_kept_is_kept(int topK, float topP, float[] logits, int[] expected)
    {
        var sampler = new TokenSampler(new(1, topK, topP, Seed));
        int[] cpu = [.. Enumerable.Range(0, 300).Select(_ => sampler.Pick(logits))];
        Assert.That(cpu.Distinct(), Is.EquivalentTo(expected));
        foreach (var token in expected)
        {
            var draw = Array.IndexOf(cpu, token);
            Assert.That(Pick(logits, 1, topK, topP, draw, isChecked: false), Is.EqualTo(token));
        }
    }

    [Test]
    public void Draws_are_as_frequent_as_they_are_likely()
    {
        const int draws = 500;
        double[] expected = [0.5, 0.3, 0.15, 0.05];
        float[] logits = [.. expected.Select(p => (float)Math.Log(p) + 3)];
        var counts = new int[logits.Length];
        for (var draw = 0; draw < draws; draw++)
            counts[Pick(logits, 1, draw: draw, isChecked: false)]++;
        for (var i = 0; i < counts.Length; i++)
            Assert.That((double)counts[i] / draws, Is.EqualTo(expected[i]).Within(4 * Math.Sqrt(expected[i] * (1 - expected[i]) / draws)), $"token {i}");
    }

    [Test, Combinatorial]
    public void A_row_that_is_damaged_gives_no_token(
        [Values(0f, 1f)] float temperature, [Values(float.NaN, float.PositiveInfinity)] float bad, [Values(0, 17, 2000)] int at)
    {
        var logits = Logits(2001, 1);
        logits[at] = bad;
        Assert.That(Pick(logits, temperature), Is.EqualTo(-1));
    }

    [TestCase(0f)]
    [TestCase(1f)]
    public void A_row_that_rules_out_everything_gives_no_token(float temperature) => Assert.That(Pick([None, None], temperature), Is.EqualTo(-1));

    [Test]
    public void Stays_in_its_buffers([Values(0f, 1f)] float temperature)
    {
        using var operands = new Operands(Logits(267, 1), temperature, 20, 0.9f, 0);
        SanitizedRunner.Launch(new SampleToken(), operands.Args, operands.Buffers);
    }

    internal static KernelOutput Sample()
    {
        const int draws = 17;
        var logits = Logits(267, 267);
        var sampler = new TokenSampler(new(2, 0, 1, Seed));
        float[] expected = [.. Enumerable.Range(0, draws).Select(_ => (float)sampler.Pick(logits))];
        return KernelOutput.Copied("token", [.. Enumerable.Range(0, draws).Select(draw => (float)Pick(logits, 2, draw: draw, isChecked: false))], expected, draws);
    }

    private static float[] Logits(int vocabulary, int seed) => ElementType.F32.Random(new Random(seed), vocabulary, scale: 3);

    private static int Pick(float[] logits, float temperature, int topK = 0, float topP = 1, int draw = 0, bool isChecked = true)
    {
        using var operands = new Operands(logits, temperature, topK, topP, draw);
        if (isChecked)
            Runner.LaunchChecked(new SampleToken(), operands.Args, operands.Buffers);
        else
            Runner.Launch(new SampleToken(), operands.Args);
        return operands.Token;
    }

    private sealed class Operands : IDisposable
    {
        public Operands(float[] values, float temperature, int topK, float topP, int draw)
        {
            var logits = HostBuffer.Input<float>("logits", values);
            var token = HostBuffer.Output<int>("token", 1);
            var number = HostBuffer.Input<long>("draw", [draw]);
            Buffers = [logits, token, number];
            Args = new SampleTokenArgs
            {
                Logits = logits.Address,
                Token = token.Address,
                Seed = Seed,
                Draw = number.Address,
                Vocabulary = values.Length,
                TopK = topK,
                TopP = topP,
                Temperature = temperature,
            };
        }

        public SampleTokenArgs Args { get; }

        public HostBuffer[] Buffers { get; }

        public int Token => Buffers[1].As<int>()[0];

        public void Dispose() => Array.ForEach(Buffers, b => b.Dispose());
    }
}
