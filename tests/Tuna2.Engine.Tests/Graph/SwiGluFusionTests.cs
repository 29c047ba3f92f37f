using NUnit.Framework;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Tests.Cpu;

namespace Tuna2.Engine.Tests.Graph;

/// <summary>A product and its SwiGLU as one op: where they are joined, and that nobody can tell by the numbers.</summary>
public class SwiGluFusionTests
{
    private const int Rows = 12, Inner = 40, Width = 24;

    [Test]
    public void A_product_and_its_SwiGLU_become_one_op_and_the_pair_takes_no_memory()
    {
        var (graph, _, y) = Graph();
        using var backend = new CpuBackend(1);
        var joined = SwiGluFusion.Of(graph, backend);
        var product = (MatMul)joined.Ops[1];
        Assert.Multiple(() =>
        {
            Assert.That(joined.Ops, Has.Count.EqualTo(2));
            Assert.That(product, Has.Property(nameof(MatMul.Activation)).EqualTo(Activation.SwiGlu).And.Property(nameof(MatMul.Output)).SameAs(y));
            Assert.That(joined.Kept, Does.Contain(y));
            Assert.That(new Plan(graph).PlannedBytes - new Plan(joined).PlannedBytes, Is.GreaterThanOrEqualTo(Rows * Width * sizeof(float)));
        });
    }

    [Test]
    public void A_pair_that_is_kept_or_read_by_others_stays([Values] bool kept)
    {
        var (graph, pair, _) = Graph();
        if (kept)
            graph.Keep(pair);
        else
            graph.Add(new TestOp("another", [pair], [ModelGraph.Transient("z", pair.Rows, Width)]));
        using var backend = new CpuBackend(1);
        Assert.That(SwiGluFusion.Of(graph, backend), Is.SameAs(graph));
    }

    [Test]
    public void A_product_with_a_bias_stays()
    {
        using var backend = new CpuBackend(1);
        using var rig = new CpuRig(backend);
        var (graph, _, _) = Graph(rig.Vector(new float[2 * Width]));
        Assert.That(SwiGluFusion.Of(graph, backend), Is.SameAs(graph));
    }

    [Test]
    public void A_backend_that_has_it_as_two_ops_keeps_them()
    {
        var (graph, _, _) = Graph();
        using var backend = new TwoOps();
        Assert.That(SwiGluFusion.Of(graph, backend), Is.SameAs(graph));
    }

    /// <summary>One row, a few, and blocks of rows; columns that fill no panel.</summary>
    [Test]
    public void The_joined_op_gives_the_same_bits(
        [Values(1, 2, 6, 7, 300)] int rows, [Values(1, 31, 200)] int width, [Values(Precision.BF16, Precision.F32)] Precision precision)
    {
        const int Inner = 301;
        var numbers = new SeededNumbers(rows + width);
        float[] x = numbers.Floats(rows * Inner), w = numbers.Floats(2 * width * Inner, 0.2f);
        foreach (var backend in Everywhere.Backends)
        {
            using var rig = new CpuRig(backend);
            Value input = rig.Value("x", rows, Inner, x), pair = rig.Value("pair", rows, 2 * width), apart = rig.Value("apart", rows, width), joined = rig.Value("joined", rows, width);
            var weight = rig.Weight(2 * width, Inner, precision, w);
            rig.Run(new MatMul("gate_up", input, weight, pair), new Batch());
            rig.Run(new SwiGlu("act", pair, apart), new Batch());
            rig.Run(new MatMul("gate_up", input, weight, joined, activation: Activation.SwiGlu), new Batch());
            Assert.That(rig.Read(joined), Is.EqualTo(rig.Read(apart)).AsCollection, $"{backend.Simd}");
        }
    }

    [Test]
    public void Nothing_may_follow_it()
    {
        using var backend = new CpuBackend(1);
        using var rig = new CpuRig(backend);
        Value x = rig.Value("x", 2, 8), y = rig.Value("y", 2, 4);
        Assert.That(
            () => new MatMul("gate_up", x, rig.Weight(8, 8, Precision.F32, new float[64]), y, residual: y, activation: Activation.SwiGlu),
            Throws.ArgumentException.With.Message.Contains("gate_up"));
    }

    private static (ModelGraph Graph, Value Pair, Value Output) Graph(Weight? bias = null)
    {
        var rows = new Extent("rows", Rows);
        Value x = ModelGraph.Transient("x", rows, Inner), pair = ModelGraph.Transient("pair", rows, 2 * Width), y = ModelGraph.Transient("y", rows, Width);
        var graph = new ModelGraph();
        graph.Add(new TestOp("first", [], [x]));
        graph.Add(new MatMul("gate_up", x, new Weight(["w"], 2 * Width, Inner, Precision.F32, new Nothing(), 0), pair, bias));
        graph.Add(new SwiGlu("act", pair, y));
        graph.Keep(y);
        return (graph, pair, y);
    }

    private sealed class Nothing : IDeviceBuffer
    {
        public long Bytes => 0;

        public void Dispose() { }
    }

    private sealed class TwoOps : IBackend
    {
        public string Name => "two ops";

        public IDeviceBuffer Allocate(long bytes, string what) => throw new NotSupportedException();

        public void Upload(ReadOnlySpan<byte> source, IDeviceBuffer destination, long offset) => throw new NotSupportedException();

        public void Download(IDeviceBuffer source, long offset, Span<byte> destination) => throw new NotSupportedException();

        public GraphProgram Prepare(Plan plan, IMemoryMap memory, BatchBounds bounds) => throw new NotSupportedException();

        public void Dispose() { }
    }
}
