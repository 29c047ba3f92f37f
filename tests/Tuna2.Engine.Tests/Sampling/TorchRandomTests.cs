using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using NUnit.Framework;
using Tuna2.Engine.Sampling;

namespace Tuna2.Engine.Tests.Sampling;

/// <summary>Draws against torch 2.6 (tests/fixtures/torch_rng): every float to the bit.</summary>
public class TorchRandomTests
{
    private readonly Dictionary<string, float[]> _golden = ReadTensors(Fixtures.Path("torch_rng", "randn.safetensors"));

    [TestCase(0L)]
    [TestCase(42L)]
    [TestCase(123456789L)]
    [TestCase(4294967295L)]
    public void Two_draws_after_one_seed_are_torchs_to_the_bit(long seed)
    {
        var random = new TorchRandom(seed);
        AssertSameBits(Draw(random, 3 * 64 * 64), _golden[$"seed{seed}_3x64x64"]);
        AssertSameBits(Draw(random, 3 * 48 * 80), _golden[$"seed{seed}_next_3x48x80"]);
    }

    [Test]
    public void A_long_draw_is_torchs_to_the_bit_at_both_ends()
    {
        var noise = Draw(new TorchRandom(42), 3 * 512 * 512);
        AssertSameBits(noise[..4096], _golden["seed42_3x512x512_first4096"]);
        AssertSameBits(noise[^4096..], _golden["seed42_3x512x512_last4096"]);
    }

    [Test]
    public void A_length_off_the_blocks_of_16_draws_its_last_16_values_again()
        => AssertSameBits(Draw(new TorchRandom(42), 17), _golden["seed42_17"]);

    [Test]
    public void Draws_of_multiples_of_16_join_up_and_others_do_not()
    {
        var whole = Draw(new TorchRandom(3), 64);
        var random = new TorchRandom(3);
        float[] halves = [.. Draw(random, 32), .. Draw(random, 32)];
        AssertSameBits(halves, whole);
        random = new TorchRandom(3);
        float[] uneven = [.. Draw(random, 24), .. Draw(random, 40)];
        Assert.That(uneven, Is.Not.EqualTo(whole));
    }

    [Test]
    public void Fewer_than_16_values_are_drawn_in_double_precision()
        => AssertSameBits(Draw(new TorchRandom(42), 15), _golden["seed42_small15"]);

    [Test]
    public void A_short_draw_keeps_its_second_value_for_the_next_one()
    {
        var random = new TorchRandom(42);
        float[] parts = [.. Draw(random, 3), .. Draw(random, 1), .. Draw(random, 11)];
        AssertSameBits(parts, _golden["seed42_small15"]);
    }

    [TestCase(0L, 1L << 32)]
    [TestCase(-1L, 4294967295L)]
    [TestCase(-1L, long.MaxValue)]
    [TestCase(42L, 42L - (5L << 32))]
    public void Only_the_low_32_bits_of_a_seed_count(long seed, long same)
        => AssertSameBits(Draw(new TorchRandom(seed), 32), Draw(new TorchRandom(same), 32));

    [Test]
    public void The_engine_is_the_published_mt19937()
    {
        // The C++ standard: the 10000th draw of std::mt19937 seeded with 5489 is 4123659995.
        var random = new TorchRandom(5489);
        for (var i = 1; i < 10000; i++) random.NextUInt32();
        Assert.That(random.NextUInt32(), Is.EqualTo(4123659995u));
    }

    [Test]
    public void A_uniform_double_takes_the_low_53_bits_of_two_draws_the_first_one_high()
    {
        var bits = new TorchRandom(7);
        var random = new TorchRandom(7);
        for (var i = 0; i < 1000; i++)
        {
            var high = bits.NextUInt32() & 0x1fffff;
            var expected = (high * 4294967296.0 + bits.NextUInt32()) / 9007199254740992.0;
            Assert.That(random.NextDouble(), Is.EqualTo(expected).And.InRange(0.0, 1.0 - 1e-16));
        }
    }

    [Test]
    public void Four_million_values_are_finite_and_have_the_mean_and_variance_of_the_normal()
    {
        var noise = Draw(new TorchRandom(0), 1 << 22);
        Assert.That(noise.All(float.IsFinite), Is.True);
        Assert.That(noise.Average(v => (double)v), Is.EqualTo(0).Within(0.002));
        Assert.That(noise.Average(v => (double)v * v), Is.EqualTo(1).Within(0.004));
    }

    [Test]
    public void An_empty_draw_leaves_the_state_alone()
    {
        var random = new TorchRandom(42);
        random.FillNormal([]);
        AssertSameBits(Draw(random, 15), _golden["seed42_small15"]);
    }

    private static float[] Draw(TorchRandom random, int count)
    {
        var values = new float[count];
        random.FillNormal(values);
        return values;
    }

    private static void AssertSameBits(float[] actual, float[] expected)
    {
        Assert.That(actual, Has.Length.EqualTo(expected.Length));
        var exact = actual.Zip(expected).Count(p => BitConverter.SingleToInt32Bits(p.First) == BitConverter.SingleToInt32Bits(p.Second));
        var worst = actual.Zip(expected).Max(p => Math.Abs((double)p.First - p.Second));
        Assert.That(exact, Is.EqualTo(expected.Length), $"{exact} of {expected.Length} values are exact, the worst is {worst:e1} off");
    }

    private static Dictionary<string, float[]> ReadTensors(string path)
    {
        var file = File.ReadAllBytes(path);
        var data = 8 + (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        using var header = JsonDocument.Parse(file.AsMemory(8, data - 8));
        var tensors = new Dictionary<string, float[]>();
        foreach (var entry in header.RootElement.EnumerateObject())
        {
            if (entry.Name == "__metadata__") continue;
            var offsets = entry.Value.GetProperty("data_offsets");
            var (start, end) = (offsets[0].GetInt32(), offsets[1].GetInt32());
            tensors[entry.Name] = MemoryMarshal.Cast<byte, float>(file.AsSpan(data + start, end - start)).ToArray();
        }
        return tensors;
    }
}
