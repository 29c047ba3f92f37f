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
        _store.Write(state, 0, [1, 2, 3, 4, 5, 6]);
        _store.Write(state, 1, [7, 8]);
        var read = new float[4];
        _store.Read(state, 1, read);
        Assert.That(read, Is.EqualTo(new float[] { 7, 8, 5, 6 }));
        Assert.That(_store.Bytes, Is.EqualTo(24));
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
        store.Write(old, 0, rows);
        var grown = store.Grow(old, new Extent("keys", 5), kept: 2);
        var read = new float[2 * columns];
        store.Read(grown, 0, read);
        Assert.That(read.AsSpan().SequenceEqual(rows.AsSpan(0, 2 * columns)));
        Assert.That(store.Bytes, Is.EqualTo(5L * columns * sizeof(float)));
        Assert.That(() => store.BufferOf(old), Throws.InvalidOperationException);
        Assert.That(() => store.Grow(grown, new Extent("keys", 9), kept: 6), Throws.InstanceOf<ArgumentOutOfRangeException>());
        store.Remove(grown);
        Assert.That(store.Bytes, Is.Zero);
    }

    [TestCase(2, 3)]
    [TestCase(3, 1)]
    [TestCase(-1, 1)]
    public void Writing_and_reading_beyond_the_rows_is_an_error(int row, int count)
    {
        var state = _store.Add("z", new Extent("slots", 3), 2);
        Assert.That(() => _store.Write(state, row, new float[count]), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => _store.Read(state, row, new float[count]), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void A_state_of_another_session_is_refused()
    {
        using var other = new StateStore(_backend);
        var state = other.Add("z", new Extent("slots", 1), 1);
        Assert.That(() => _store.BufferOf(state), Throws.InvalidOperationException.With.Message.Contains("z").And.Message.Contains("another session"));
    }

    [Test]
    public void A_disposed_store_holds_nothing()
    {
        var state = _store.Add("z", new Extent("slots", 1), 1);
        var buffer = (CpuBuffer)_store.BufferOf(state);
        _store.Dispose();
        Assert.Multiple(() =>
        {
            Assert.That(_store.Bytes, Is.Zero);
            Assert.That(() => buffer.Slice(0, 1).Length, Throws.TypeOf<ObjectDisposedException>());
            Assert.That(() => _store.BufferOf(state), Throws.InvalidOperationException);
        });
    }

    [Test]
    public void A_state_too_large_for_the_machine_is_refused_and_named()
    {
        Assert.That(() => _store.Add("the keys", new Extent("rows", int.MaxValue), int.MaxValue / 8), Throws.TypeOf<DeviceException>().With.Message.Contains("the keys"));
        Assert.That(_store.Bytes, Is.Zero);
    }
}
