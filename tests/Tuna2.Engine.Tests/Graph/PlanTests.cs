using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Tests.Cpu;

namespace Tuna2.Engine.Tests.Graph;

public class PlanTests
{
    [Test]
    public void No_value_of_a_random_graph_is_overwritten_while_it_is_needed([Range(1, 200)] int seed)
    {
        var numbers = new SeededNumbers(seed);
        var graph = new ModelGraph();
        var known = new List<Value> { Value("0", 1 + numbers.Below(90)) };
        graph.Add(new TestOp("first", [], [known[0]]));
        var ops = 1 + numbers.Below(60);
        for (var i = 1; i < ops; i++)
        {
            Value[] reads = [.. Enumerable.Range(0, 1 + numbers.Below(3)).Select(_ => known[Math.Max(0, known.Count - 1 - numbers.Below(6))])];
            var written = Value($"{i}", numbers.Below(3) == 0 ? reads[0].Columns : 1 + numbers.Below(90));
            Value[] scratch = numbers.Below(4) == 0 ? [Value($"scratch {i}", 1 + numbers.Below(90))] : [];
            // Only an input of one role may be replaced.
            var replaceable = numbers.Below(2) == 0 && reads.Count(r => r == reads[0]) == 1 ? reads[0] : null;
            Value[] writes = numbers.Below(5) == 0 ? [written, reads[^1]] : [written];
            if (writes.Length == 2 && replaceable == reads[^1])
                replaceable = null;
            graph.Add(new TestOp($"op {i}", reads, writes, scratch, replaceable));
            known.Add(written);
            if (numbers.Below(8) == 0)
                graph.Keep(written);
        }
        PlanChecker.Check(new Plan(graph));
    }

    [Test]
    public void An_op_may_take_the_memory_of_an_input_nobody_reads_later()
    {
        var (graph, old, next) = Replacing(readLater: false);
        var plan = new Plan(graph);
        PlanChecker.Check(plan);
        Assert.That(plan.OffsetOf(next), Is.EqualTo(plan.OffsetOf(old)));
        Assert.That(plan.PlannedBytes, Is.EqualTo(plan.NaiveBytes / 2));
    }

    [Test]
    public void An_input_that_is_read_later_keeps_its_memory()
    {
        var (graph, old, next) = Replacing(readLater: true);
        var plan = new Plan(graph);
        PlanChecker.Check(plan);
        Assert.That(plan.OffsetOf(next), Is.Not.EqualTo(plan.OffsetOf(old)));
    }

    [Test]
    public void An_input_that_is_kept_keeps_its_memory()
    {
        var (graph, old, next) = Replacing(readLater: false);
        graph.Keep(old);
        var plan = new Plan(graph);
        PlanChecker.Check(plan);
        Assert.That(plan.OffsetOf(next), Is.Not.EqualTo(plan.OffsetOf(old)));
    }

    [TestCase(15)]
    [TestCase(17)]
    public void An_input_of_another_width_keeps_its_memory(int columns)
    {
        var (graph, old, next) = Replacing(readLater: false, columns);
        Assert.That(new Plan(graph).OffsetOf(next), Is.Not.EqualTo(new Plan(graph).OffsetOf(old)));
    }

    [Test]
    public void Values_that_never_live_together_share_memory()
    {
        var graph = new ModelGraph();
        var values = Enumerable.Range(0, 10).Select(i => Value($"{i}", 16)).ToArray();
        graph.Add(new TestOp("first", [], [values[0]]));
        for (var i = 1; i < values.Length; i++)
            graph.Add(new TestOp($"{i}", [values[i - 1]], [values[i]]));
        var plan = new Plan(graph);
        PlanChecker.Check(plan);
        Assert.Multiple(() =>
        {
            Assert.That(plan.NaiveBytes, Is.EqualTo(10 * values[0].MaxBytes(sizeof(float))));
            Assert.That(plan.PlannedBytes, Is.EqualTo(2 * values[0].MaxBytes(sizeof(float))));
        });
    }

    [Test]
    public void Reading_what_nobody_wrote_is_an_error_that_names_both()
    {
        var graph = new ModelGraph();
        graph.Add(new TestOp("reader", [Value("the missing", 1)], [Value("result", 1)]));
        Assert.That(() => new Plan(graph), Throws.InvalidOperationException.With.Message.Contains("reader").And.Message.Contains("the missing"));
    }

    [Test]
    public void A_value_of_another_graph_has_no_place() =>
        Assert.That(() => new Plan(new ModelGraph()).OffsetOf(Value("stranger", 1)), Throws.InvalidOperationException.With.Message.Contains("stranger"));

    [Test]
    public void The_text_names_both_sizes()
    {
        var (graph, _, _) = Replacing(readLater: false, rows: 1 << 16); // 4 MiB each
        Assert.That(new Plan(graph).ToString(), Does.Contain("2 ops").And.Contain("8.0 MiB naive").And.Contain("4.0 MiB planned"));
    }

    private static (ModelGraph Graph, Value Old, Value Next) Replacing(bool readLater, int columns = 16, int rows = 8)
    {
        Value old = Value("old", 16, rows), next = Value("next", columns, rows);
        var graph = new ModelGraph();
        graph.Add(new TestOp("make", [], [old]));
        graph.Add(new TestOp("replace", [old], [next], replaceable: old));
        if (readLater)
            graph.Add(new TestOp("later", [old, next], []));
        return (graph, old, next);
    }

    private static Value Value(string name, int columns, int rows = 8) => ModelGraph.Transient(name, new Extent("rows", rows), columns);
}
