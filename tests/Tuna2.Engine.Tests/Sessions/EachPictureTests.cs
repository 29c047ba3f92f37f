using NUnit.Framework;
using Tuna2.Engine.Cpu;

namespace Tuna2.Engine.Tests.Sessions;

/// <summary>Pictures handed over as they are finished.</summary>
[CancelAfter(60_000)]
public class EachPictureTests
{
    private static readonly ImageOptions s_three = DemoModel.Short with { Count = 3, Seed = 7 };

    private TunaModel _model = null!;
    private TunaSession _session = null!;

    [OneTimeSetUp]
    public async Task Load() => _model = await DemoModel.LoadAsync();

    [OneTimeTearDown]
    public void Unload() => _model.Dispose();

    [SetUp]
    public void CreateSession() => _session = _model.CreateSession();

    [TearDown]
    public void DisposeSession() => _session.Dispose();

    [Test]
    public async Task They_are_those_of_the_call_that_returns_all(CancellationToken timeout)
    {
        var all = await _session.GenerateAsync(DemoModel.Prompt, s_three, null, timeout);
        var each = await _session.GenerateEachAsync(DemoModel.Prompt, s_three, null, timeout).ToListAsync(timeout);
        Assert.That(each.Select(p => p.Bytes()), Is.EqualTo(all.Select(p => p.Bytes())));
        Assert.That(each.Select(p => p.Parameters), Is.EqualTo(all.Select(p => p.Parameters)));
        var edits = await _session.EditAsync(DemoModel.Picture, "make the square green", s_three, null, timeout);
        var eachEdit = await _session.EditEachAsync(DemoModel.Picture, "make the square green", s_three, null, timeout).ToListAsync(timeout);
        Assert.That(eachEdit.Select(p => p.Bytes()), Is.EqualTo(edits.Select(p => p.Bytes())));
    }

    [Test]
    public async Task The_first_is_there_before_the_second_is_begun(CancellationToken timeout)
    {
        using var go = new ManualResetEventSlim();
        var progress = new Listener<GenerationProgress>(p =>
        {
            if (p.Image == 1)
                go.Wait(timeout);
        });
        await using var pictures = _session.GenerateEachAsync(DemoModel.Prompt, s_three, progress, timeout).GetAsyncEnumerator(timeout);
        Assert.That(await pictures.MoveNextAsync(), Is.True, "while the second waits in its first step");
        Assert.That(pictures.Current.Parameters.Seed, Is.EqualTo(7));
        go.Set();
        Assert.That(await pictures.MoveNextAsync(), Is.True);
    }

    [Test]
    public async Task What_is_finished_when_the_call_is_cancelled_is_handed_over_first(CancellationToken timeout)
    {
        using var cancel = new CancellationTokenSource();
        var progress = new Listener<GenerationProgress>(p =>
        {
            if (p.Image == 2)
                cancel.Cancel();
        });
        var got = new List<long?>();
        var error = await Assert.CatchAsync<OperationCanceledException>(async () =>
        {
            await foreach (var picture in _session.GenerateEachAsync(DemoModel.Prompt, s_three, progress, cancel.Token))
            {
                // A slow reader: before it asks for the second picture another call has had its turn, which comes when this one has ended.
                if (got.Count == 0)
                    await _session.GenerateAsync(DemoModel.Prompt, DemoModel.Short, null, timeout);
                got.Add(picture.Parameters.Seed);
            }
        });
        Assert.That(got, Is.EqualTo(new long?[] { 7, 8 }));
        Assert.That(error!.CancellationToken, Is.EqualTo(cancel.Token));
    }

    [Test]
    public async Task A_reader_that_stops_stops_the_computing(CancellationToken timeout)
    {
        var before = CpuBuffer.Live;
        await foreach (var picture in _session.GenerateEachAsync(DemoModel.Prompt, DemoModel.Short with { Count = 1000 }, null, timeout))
            break;
        Assert.That(CpuBuffer.Live - before, Is.LessThanOrEqualTo(2 * CpuThreads.ScratchBytes));
    }

    [Test]
    public void What_cannot_be_made_is_refused_by_the_call_itself(CancellationToken timeout)
    {
        Assert.Throws<RequestException>(() => _session.GenerateEachAsync(" ", null, null, timeout));
        Assert.Throws<RequestException>(() => _session.EditEachAsync(DemoModel.Picture, "", null, null, timeout));
        Assert.Throws<RequestException>(() => _session.GenerateEachAsync(DemoModel.Prompt, new() { Count = 0 }, null, timeout));
        Assert.Throws<ArgumentNullException>(() => _session.GenerateEachAsync((string)null!, null, null, timeout));
        _session.Dispose();
        Assert.Throws<ObjectDisposedException>(() => _session.GenerateEachAsync(DemoModel.Prompt, null, null, timeout));
    }

    [Test]
    public async Task A_disposed_session_ends_them(CancellationToken timeout)
    {
        await Assert.ThrowsAsync<ObjectDisposedException>(async () =>
        {
            await foreach (var picture in _session.GenerateEachAsync(DemoModel.Prompt, DemoModel.Short with { Count = 1000 }, null, timeout))
                _session.Dispose();
        });
    }
}
