using NUnit.Framework;
using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Tests.Graph;

/// <summary>
/// Runs a plan on paper: every op's writes own their bytes from then on, and every read must still own its own. Slower and
/// simpler than the planner, and shares nothing with it.
/// </summary>
internal static class PlanChecker
{
    public static void Check(Plan plan)
    {
        var graph = plan.Graph;
        var owners = new List<(long Begin, long End, Value Owner)>();
        foreach (var op in graph.Ops)
        {
            foreach (var value in op.Reads.Where(Placed))
                Assert.That(Owns(value), $"{op} reads {value}, which was overwritten");
            var written = op.Writes.Concat(op.Scratch).Where(Placed).Distinct().ToList();
            var read = op.Reads.Where(Placed).Distinct().ToList();
            for (var i = 0; i < written.Count; i++)
            {
                for (var j = 0; j < i; j++)
                    Assert.That(!Overlap(written[i], written[j]), $"{op} writes {written[i]} over {written[j]}");
                foreach (var input in read.Where(r => r != written[i] && Overlap(r, written[i])))
                    Assert.That(input == op.Replaceable && written[i] == op.Writes.First() && plan.OffsetOf(input) == plan.OffsetOf(written[i]), $"{op} writes {written[i]} over its input {input}");
            }
            foreach (var value in written.Where(v => !Owns(v)))
            {
                var (begin, end) = Bytes(value);
                owners.RemoveAll(o => o.Begin < end && begin < o.End);
                owners.Add((begin, end, value));
            }
        }
        foreach (var value in graph.Kept)
            Assert.That(Owns(value), $"{value} is kept, but was overwritten");
        Assert.That(plan.PlannedBytes, Is.LessThanOrEqualTo(plan.NaiveBytes));

        bool Placed(Value value) => value.Storage == Storage.Transient;
        bool Owns(Value value) => owners.Exists(o => o.Owner == value);
        bool Overlap(Value a, Value b) => Bytes(a).Begin < Bytes(b).End && Bytes(b).Begin < Bytes(a).End;
        (long Begin, long End) Bytes(Value value)
        {
            var offset = plan.OffsetOf(value);
            Assert.That(offset % Plan.Alignment == 0 && offset + value.MaxBytes(sizeof(float)) <= plan.PlannedBytes, $"{value} is aligned and within the arena");
            return (offset, offset + value.MaxBytes(sizeof(float)));
        }
    }
}
