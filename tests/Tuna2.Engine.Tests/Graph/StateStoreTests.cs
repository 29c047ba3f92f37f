using NUnit.Framework;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Tests.Sampling;

namespace Tuna2.Engine.Tests.Graph;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class StateStoreTests : IDisposable
{
    private readonly CpuBackend _backend = new(1);
    private readonly StateStore _store;

    public StateStoreTests() => _store = new StateStore(_backend);

    public void Dispose()
    {
        _store.Dispose();
        _backend.Dispose();
    }

    [Test]
    public void Rows_come_back_as_they_were_written()
    {
        var state = _store.Add("z", new Extent("slots", 3), 2);
        _store.Take("a test", "");
        _store.Write(state, 0, [1, 2, 3, 4, 5, 6]);
        _store.Write(state, 1, [7, 8]);
        var read = new float[4];
        _store.Read(state, 1, read);
        Assert.That(read, Is.EqualTo(new float[] { 7, 8, 5, 6 }));
        Assert.That(_store.StateBytes, Is.EqualTo(24));
    }

    [Test]
    public void A_state_that_grows_keeps_its_first_rows([Values] bool throughTheHost)
    {
        using var backend = throughTheHost ? (IBackend)new PoisoningBackend() : new CpuBackend(1);
        using var store = new StateStore(backend);
        const int columns = 300_000;
        var rows = new float[3 * columns];
        for (var i = 0; i < rows.Length; i++)
            rows[i] = i;
        var old = store.Add("keys", new Extent("keys", 3), columns);
        store.Take("a test", "");
        store.Write(old, 0, rows);
        var grown = store.Grow(old, new Extent("keys", 5), kept: 2);
        var read = new float[2 * columns];
        store.Read(grown, 0, read);
        Assert.That(read.AsSpan().SequenceEqual(rows.AsSpan(0, 2 * columns)));
        Assert.That(store.TakenBytes, Is.EqualTo(5L * columns * sizeof(float)));
        Assert.That(() => store.BufferOf(old), Throws.InvalidOperationException);
        Assert.That(() => store.Grow(grown, new Extent("keys", 9), kept: 6), Throws.InstanceOf<ArgumentOutOfRangeException>());
        store.Remove(grown);
        Assert.That(store.TakenBytes, Is.Zero);
    }

    [TestCase(2, 3)]
    [TestCase(3, 1)]
    [TestCase(-1, 1)]
    public void Writing_and_reading_beyond_the_rows_is_an_error(int row, int count)
    {
        var state = _store.Add("z", new Extent("slots", 3), 2);
        _store.Take("a test", "");
        Assert.That(() => _store.Write(state, row, new float[count]), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => _store.Read(state, row, new float[count]), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void A_state_of_another_session_is_refused()
    {
        using var other = new StateStore(_backend);
        var state = other.Add("z", new Extent("slots", 1), 1);
        other.Take("a test", "");
        Assert.That(() => _store.BufferOf(state), Throws.InvalidOperationException.With.Message.Contains("z").And.Message.Contains("another session"));
    }

    [Test]
    public void A_disposed_store_holds_nothing()
    {
        var state = _store.Add("z", new Extent("slots", 1), 1);
        _ = new Executor(new ModelGraph(), _backend, _store, BatchBounds.None);
        _store.Take("a test", "");
        CpuBuffer buffer = (CpuBuffer)_store.BufferOf(state), arena = (CpuBuffer)_store.Arena;
        _store.Dispose();
        Assert.Multiple(() =>
        {
            Assert.That(() => arena.Slice(0, 1).Length, Throws.TypeOf<ObjectDisposedException>());
            Assert.That(() => buffer.Slice(0, 1).Length, Throws.TypeOf<ObjectDisposedException>());
            Assert.That(() => _store.BufferOf(state), Throws.InvalidOperationException);
        });
    }

    [Test]
    public void Memory_that_was_not_taken_is_not_there()
    {
        var state = _store.Add("z", new Extent("slots", 1), 1);
        Assert.That(() => _store.BufferOf(state), Throws.InvalidOperationException.With.Message.Contains("z").And.Message.Contains("not taken"));
        Assert.That(() => _store.Arena, Throws.InvalidOperationException);
    }

    [Test]
    public void Graphs_share_an_arena_of_the_largest_plan()
    {
        foreach (var rows in (int[])[3, 100, 7])
        {
            var graph = new ModelGraph();
            graph.Add(new TestOp("op", [], [ModelGraph.Transient("x", new Extent("rows", rows), 16)]));
            _ = new Executor(graph, _backend, _store, BatchBounds.None);
        }
        Assert.That(_store.ArenaBytes, Is.EqualTo(100 * 16 * sizeof(float)));
        _store.Take("a test", "");
        Assert.That(_store.Arena.Bytes, Is.EqualTo(_store.ArenaBytes));
    }

    [Test]
    public void What_is_over_the_memory_that_can_be_had_is_refused_before_anything_is_taken()
    {
        using var metered = new MeteredBackend { AvailableBytes = 4096 - 1 };
        using var store = new StateStore(metered);
        store.Add("the keys", new Extent("rows", 64), 16);
        Assert.That(() => store.Take("a picture", "ask for less"), Throws.TypeOf<DeviceException>()
            .With.Message.EqualTo("not enough memory for a picture: it takes 4.0 KiB beside the model, 4.0 KiB can be had; ask for less"));
        Assert.That(metered.Taken, Is.Zero);
        metered.AvailableBytes++;
        store.Take("a picture", "ask for less");
        Assert.That(metered.Taken, Is.EqualTo(metered.AvailableBytes), "no graph, no arena");
    }

    [Test]
    public void A_state_the_system_does_not_give_is_named_and_nothing_is_kept()
    {
        var live = CpuBuffer.Live;
        using var unchecking = new CpuBackend(1, checkMemory: false);
        using var store = new StateStore(unchecking);
        store.Add("small", new Extent("rows", 1), 100);
        store.Add("the keys", new Extent("rows", int.MaxValue), int.MaxValue / 8);
        Assert.That(() => store.Take("a test", ""), Throws.TypeOf<DeviceException>().With.Message.Contains("the keys"));
        Assert.That(CpuBuffer.Live, Is.EqualTo(live));
    }
}
