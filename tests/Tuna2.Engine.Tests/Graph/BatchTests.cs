using NUnit.Framework;
using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Tests.Graph;

public class BatchTests
{
    [Test]
    public void Rows_know_what_modulates_them()
    {
        var batch = new Batch { Sequences = [new(0, 2, 0, 0, 0, -1, null), new(2, 3, 0, 2, 2, 5, new Grid(1, 1, 2)), new(5, 1, 0, 5, 5, -1, null)] };
        Assert.That(Enumerable.Range(0, batch.Rows).Select(batch.ModRow), Is.EqualTo(new[] { -1, -1, 5, 5, 5, -1 }));
    }

    private static readonly Sequence[] s_misplaced =
    [
        new(1, 2, 0, 0, 0, -1, null), // a gap before it
        new(0, 0, 0, 0, 0, -1, null), // no rows
        new(0, 1, -1, 0, 0, -1, null), // keys before the cache
        new(0, 1, 0, -1, 0, -1, null),
        new(0, 1, 0, 0, 0, -2, null),
        new(0, 4, 0, 0, 0, 0, new Grid(1, 2, 2)), // a span without its time token
    ];

    [TestCaseSource(nameof(s_misplaced))]
    public void A_sequence_that_makes_no_sense_is_refused(Sequence sequence) =>
        Assert.That(() => new Batch { Sequences = [sequence] }, Throws.ArgumentException);

    [Test]
    public void Sequences_that_overlap_are_refused() =>
        Assert.That(() => new Batch { Sequences = [new(0, 3, 0, 0, 0, -1, null), new(2, 1, 0, 3, 3, -1, null)] }, Throws.ArgumentException);
}
