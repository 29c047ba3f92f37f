using NUnit.Framework;
using Tuna2.Engine.Parity;
using Tuna2.Engine.Tests.Cpu;

namespace Tuna2.Engine.Tests.Parity;

/// <summary>The comparator must fail what is wrong, or every test that uses it is decoration.</summary>
public class ComparisonTests
{
    private const int Rows = 200, Columns = 30;
    private const double Limit = 1e-4;

    private static readonly (string Name, Action<float[]> Corrupt)[] s_corruptions =
    [
        ("scaled by 1.01", x => { for (var i = 0; i < x.Length; i++) x[i] *= 1.01f; }),
        ("a row zeroed", x => x.AsSpan(77 * Columns, Columns).Clear()),
        ("two rows swapped", x => x.AsSpan(0, Columns).ToArray().CopyTo(x, Columns)),
        ("a column shifted", x => { for (var row = Rows - 1; row > 0; row--) x[row * Columns + 3] = x[(row - 1) * Columns + 3]; }),
        ("one NaN", x => x[^1] = float.NaN),
        ("a NaN first", x => x[0] = float.NaN),
        ("one infinity", x => x[100] = float.PositiveInfinity),
        ("one sign", x => x[100] = -x[100]),
    ];

    private static IEnumerable<TestCaseData> Corruptions => s_corruptions.Select(c => new TestCaseData(c.Corrupt).SetArgDisplayNames(c.Name));

    [TestCaseSource(nameof(Corruptions))]
    public void A_corrupted_tensor_fails(Action<float[]> corrupt)
    {
        float[] expected = Reference(), actual = Reference();
        corrupt(actual);
        Assert.That(Comparison.Of(actual, expected, Columns).Within(Limit), Is.False);
    }

    /// <summary>One row in two hundred that is 1% off changes the whole by less than the limit's reach.</summary>
    [Test]
    public void One_bad_row_fails_even_where_the_whole_would_pass()
    {
        float[] expected = Reference(), actual = Reference();
        for (var i = 0; i < Columns; i++)
            actual[50 * Columns + i] *= 1.01f;
        var comparison = Comparison.Of(actual, expected, Columns);
        Assert.Multiple(() =>
        {
            Assert.That(comparison.RelativeError, Is.LessThan(1e-3));
            Assert.That(comparison.Within(1e-3), Is.False);
            Assert.That(comparison.WorstRow, Is.EqualTo(50));
        });
    }

    [TestCase(0f)]
    [TestCase(1e-6f)]
    public void What_is_equal_or_near_passes(float relative)
    {
        var expected = Reference();
        var actual = Array.ConvertAll(expected, x => x * (1 + relative));
        Assert.That(Comparison.Of(actual, expected, Columns).Within(Limit));
    }

    [Test]
    public void Errors_are_measured_as_they_are_named()
    {
        var comparison = Comparison.Of([3, 4, 0, 0], [3, 0, 0, 0], 2);
        Assert.Multiple(() =>
        {
            Assert.That(comparison.Count, Is.EqualTo(4));
            Assert.That(comparison.MaxError, Is.EqualTo(4));
            Assert.That(comparison.RelativeError, Is.EqualTo(4.0 / 3).Within(1e-12));
            Assert.That(comparison.WorstRowError, Is.EqualTo(4.0 / 3).Within(1e-12));
            Assert.That(comparison.WorstRow, Is.Zero);
        });
    }

    [Test]
    public void A_reference_of_zeros_is_met_by_zeros_alone()
    {
        Assert.That(Comparison.Of(new float[6], new float[6], 3).Within(0));
        Assert.That(Comparison.Of([0, 0, 0, 0, 0, 1e-30f], new float[6], 3).Within(1), Is.False);
    }

    [Test]
    public void A_NaN_is_never_forgotten_by_what_follows_it()
    {
        var comparison = Comparison.Of([float.NaN, 100, 1, 1], [1, 1, 1, 1], 2);
        Assert.Multiple(() =>
        {
            Assert.That(comparison.MaxError, Is.NaN);
            Assert.That(comparison.RelativeError, Is.NaN);
            Assert.That(comparison.WorstRowError, Is.NaN);
            Assert.That(comparison.WorstRow, Is.Zero);
        });
    }

    [Test]
    public void A_last_row_that_is_shorter_counts_too() =>
        Assert.That(Comparison.Of([1, 1, 1, 1, 2], [1, 1, 1, 1, 1], 2).WorstRow, Is.EqualTo(2));

    [Test]
    public void Another_length_is_an_error() =>
        Assert.That(() => Comparison.Of(new float[3], new float[4]), Throws.TypeOf<ModelException>().With.Message.Contains("3").And.Message.Contains("4"));

    private static float[] Reference() => new SeededNumbers(1).Floats(Rows * Columns);
}
