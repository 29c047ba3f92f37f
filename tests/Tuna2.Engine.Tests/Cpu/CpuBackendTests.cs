using NUnit.Framework;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Tests.Cpu;

public class CpuBackendTests
{
    private sealed class UnknownOp() : Op("somewhere")
    {
        public override IEnumerable<Value> Reads => [];
        public override IEnumerable<Value> Writes => [];
    }

    [TestCase(-1)]
    [TestCase(CpuBackend.MaxThreads + 1)]
    [TestCase(int.MaxValue)]
    public void An_absurd_number_of_threads_is_refused(int threads) =>
        Assert.That(() => new CpuBackend(threads), Throws.TypeOf<RequestException>().With.Message.Contains($"{threads}"));

    [Test]
    public void Automatic_settings_are_resolved()
    {
        using var backend = new CpuBackend();
        Assert.Multiple(() =>
        {
            Assert.That(backend.Threads, Is.EqualTo(Environment.ProcessorCount));
            Assert.That(backend.Simd, Is.Not.EqualTo(SimdLevel.Auto));
        });
    }

    [Test]
    public void An_op_without_a_kernel_is_named()
    {
        using var backend = new CpuBackend(1);
        using var states = new StateStore(backend);
        var graph = new ModelGraph();
        graph.Add(new UnknownOp());
        var executor = new Executor(graph, backend, states, BatchBounds.None);
        Assert.That(() => executor.Run(new Batch(), default), Throws.TypeOf<NotSupportedException>().With.Message.Contains("UnknownOp somewhere"));
    }
}
