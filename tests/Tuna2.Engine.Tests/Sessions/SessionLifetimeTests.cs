using NUnit.Framework;
using Tuna2.Engine.Cpu;

namespace Tuna2.Engine.Tests.Sessions;

/// <summary>Sessions and models begin, end, wait and are stopped as they say, and leave no memory behind.</summary>
[CancelAfter(60_000)]
public class SessionLifetimeTests
{
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
    public async Task A_call_cancelled_before_it_starts_computes_nothing(CancellationToken timeout)
    {
        var cancelled = new CancellationToken(canceled: true);
        var steps = 0;
        var error = await Assert.CatchAsync<OperationCanceledException>(
            () => _session.GenerateAsync(DemoModel.Prompt, DemoModel.Short, new Listener<GenerationProgress>(_ => steps++), cancelled));
        Assert.That(error!.CancellationToken, Is.EqualTo(cancelled));
        Assert.That(steps, Is.Zero);
    }

    [Test]
    public async Task A_call_cancelled_between_steps_takes_no_further_step(CancellationToken timeout)
    {
        using var cancel = new CancellationTokenSource();
        var steps = 0;
        var error = await Assert.CatchAsync<OperationCanceledException>(() => _session.GenerateAsync(
            DemoModel.Prompt, DemoModel.Endless, new Listener<GenerationProgress>(_ => { if (++steps == 2) cancel.Cancel(); }), cancel.Token));
        Assert.That(error!.CancellationToken, Is.EqualTo(cancel.Token), "the caller's own token");
        Assert.That(steps, Is.EqualTo(2));
    }

    [Test]
    public async Task A_call_cancelled_within_a_step_does_not_finish_it(CancellationToken timeout)
    {
        using var cancel = new CancellationTokenSource();
        var steps = 0;
        var call = _session.GenerateAsync(
            DemoModel.Prompt, new() { Width = 2048, Height = 2048, Steps = 1 }, new Listener<GenerationProgress>(_ => steps++), cancel.Token);
        cancel.CancelAfter(50);
        await Assert.CatchAsync<OperationCanceledException>(() => call);
        Assert.That(steps, Is.Zero);
    }

    [Test]
    public async Task What_progress_throws_comes_out_of_the_call_and_the_session_goes_on(CancellationToken timeout)
    {
        var thrown = new FormatException("from the callback");
        var caught = await Assert.CatchAsync(() => _session.GenerateAsync(DemoModel.Prompt, DemoModel.Short, new Listener<GenerationProgress>(_ => throw thrown), timeout));
        Assert.That(caught, Is.SameAs(thrown));
        var own = new OperationCanceledException("the callback's own");
        caught = await Assert.CatchAsync(() => _session.GenerateAsync(DemoModel.Prompt, DemoModel.Short, new Listener<GenerationProgress>(_ => throw own), timeout));
        Assert.That(caught!.Message, Is.EqualTo(own.Message));
        Assert.That(await _session.GenerateAsync(DemoModel.Prompt, DemoModel.Short, null, timeout), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Calls_on_one_session_run_one_after_the_other(CancellationToken timeout)
    {
        var told = new List<int>();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(call => Task.Run(
            () => _session.GenerateAsync(DemoModel.Prompt, DemoModel.Short, new Listener<GenerationProgress>(_ => told.Add(call)), timeout), timeout)));
        Assert.That(told, Has.Count.EqualTo(12));
        Assert.That(told.Chunk(3).All(steps => steps.Distinct().Count() == 1), Is.True, string.Join(' ', told));
    }

    [Test]
    public async Task A_waiting_call_can_be_cancelled_while_another_runs(CancellationToken timeout)
    {
        using var running = new Running(_session);
        using var cancel = new CancellationTokenSource();
        var waiting = _session.GenerateAsync(DemoModel.Prompt, DemoModel.Short, null, cancel.Token);
        await cancel.CancelAsync();
        await Assert.CatchAsync<OperationCanceledException>(() => waiting);
        Assert.That(running.Call.IsCompleted, Is.False);
        running.Go();
        _session.Dispose();
    }

    [Test]
    public async Task Disposing_a_session_stops_its_calls_and_waits_for_them(CancellationToken timeout)
    {
        var before = CpuBuffer.Live;
        using var running = new Running(_session);
        var waiting = _session.GenerateAsync(DemoModel.Prompt, DemoModel.Short, null, timeout);
        running.Go();
        _session.Dispose();
        // The crew's scratch may have grown, per thread and for the packed rows; the session's own memory is gone.
        Assert.That(CpuBuffer.Live - before, Is.LessThanOrEqualTo(3 * CpuThreads.ScratchBytes));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => running.Call);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting);
    }

    [Test]
    public async Task Disposing_from_a_progress_callback_stops_the_call_behind_it(CancellationToken timeout)
    {
        var steps = 0;
        await Assert.ThrowsAsync<ObjectDisposedException>(() => _session.GenerateAsync(
            DemoModel.Prompt, DemoModel.Endless, new Listener<GenerationProgress>(_ => { steps++; _session.Dispose(); }), timeout));
        Assert.That(steps, Is.EqualTo(1));
    }

    [Test]
    public async Task A_disposed_session_refuses_every_call(CancellationToken timeout)
    {
        var answer = _session.AskAsync(DemoModel.Picture, "What color is the square?", null, timeout);
        await _session.DisposeAsync();
        _session.Dispose();
        Assert.Throws<ObjectDisposedException>(() => _session.GenerateAsync(DemoModel.Prompt, null, null, timeout));
        Assert.Throws<ObjectDisposedException>(() => _session.EditAsync(DemoModel.Picture, "make the square green", null, null, timeout));
        Assert.Throws<ObjectDisposedException>(() => _session.ReconstructAsync(DemoModel.Picture, null, null, timeout));
        Assert.Throws<ObjectDisposedException>(() => _session.AskAsync(null, "hello", null, timeout));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await answer.ToListAsync(timeout));
    }

    [Test]
    public async Task Many_threads_may_dispose_at_once(CancellationToken timeout)
    {
        using var running = new Running(_session);
        running.Go();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(_session.Dispose, timeout)));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => running.Call);
        using var other = _model.CreateSession();
        Assert.That(await other.GenerateAsync(DemoModel.Short), Is.Not.Empty, "the model was let go of once, not eight times");
    }

    [Test]
    public async Task Sessions_outlive_their_model_and_free_its_weights_last(CancellationToken timeout)
    {
        var before = CpuBuffer.Live;
        var model = await DemoModel.LoadAsync();
        var (first, second) = (model.CreateSession(), model.CreateSession());
        var expected = await first.GenerateAsync(DemoModel.Short);
        model.Dispose();
        model.Dispose();
        Assert.Throws<ObjectDisposedException>(() => model.CreateSession());
        first.Dispose();
        Assert.That(await second.GenerateAsync(DemoModel.Short), Is.EqualTo(expected));
        Assert.That(CpuBuffer.Live - before, Is.GreaterThanOrEqualTo(model.WeightBytes));
        second.Dispose();
        Assert.That(CpuBuffer.Live, Is.EqualTo(before));
    }

    [Test]
    public async Task Short_sessions_and_cancelled_ones_leave_no_memory(CancellationToken timeout)
    {
        var start = CpuBuffer.Live;
        using (var model = await DemoModel.LoadAsync(threads: 1))
        {
            await RunOne(model, cancelAt: 0);
            var before = CpuBuffer.Live;
            for (var i = 0; i < 200; i++)
                await RunOne(model, cancelAt: 0);
            Assert.That(CpuBuffer.Live, Is.EqualTo(before), "after 200 sessions");
            for (var i = 0; i < 50; i++)
                await RunOne(model, cancelAt: 1);
            Assert.That(CpuBuffer.Live, Is.EqualTo(before), "after 50 cancelled ones");
        }
        Assert.That(CpuBuffer.Live, Is.EqualTo(start));

        static async Task RunOne(TunaModel model, int cancelAt)
        {
            using var session = model.CreateSession();
            using var cancel = new CancellationTokenSource();
            var progress = new Listener<GenerationProgress>(p => { if (p.Step == cancelAt) cancel.Cancel(); });
            var call = session.GenerateAsync(DemoModel.Prompt, new() { Steps = 2, Guidance = 1 }, progress, cancel.Token);
            if (cancelAt > 0)
                await Assert.CatchAsync<OperationCanceledException>(() => call);
            else
                await call;
        }
    }

    /// <summary>A call that has taken its first step and waits inside it until told to go.</summary>
    private sealed class Running : IDisposable
    {
        private readonly ManualResetEventSlim _go = new();

        public Running(TunaSession session)
        {
            using var started = new ManualResetEventSlim();
            Call = session.GenerateAsync(DemoModel.Prompt, DemoModel.Endless, new Listener<GenerationProgress>(p =>
            {
                if (p.Step > 1) return;
                started.Set();
                _go.Wait();
            }));
            started.Wait();
        }

        public Task Call { get; }

        public void Go() => _go.Set();

        public void Dispose() => _go.Set();
    }
}
