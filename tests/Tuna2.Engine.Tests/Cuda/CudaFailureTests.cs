using NUnit.Framework;
using Tuna2.Engine.Tests.Sessions;

namespace Tuna2.Engine.Tests.Cuda;

/// <summary>A model is loaded, draws and answers while the driver fails: always one error that says what, never a hang or a leak.</summary>
[CancelAfter(300_000)]
public class CudaFailureTests
{
    private const int Unknown = 999, IllegalAddress = 700;

    /// <summary>Calls that are failed of each function: its first, its last and one between.</summary>
    private const int Samples = 3;

    [TestCase(Unknown, false)]
    [TestCase(Unknown, true)]
    [TestCase(IllegalAddress, false)]
    public async Task Any_call_may_fail(int result, bool forever, CancellationToken timeout)
    {
        IReadOnlyList<string> calls;
        using (var fake = new FakeDriver())
        {
            await Everything(fake);
            calls = fake.Calls;
            FakeCuda.AssertNothingLeft(fake, "a run without failures");
        }

        foreach (var n in Sampled(calls))
        {
            var where = $"call {n} of {calls.Count}, {calls[n - 1]}, {(forever ? "for good" : "once")}";
            using var fake = new FakeDriver();
            fake.Fail("", result, n, forever);
            var error = await Caught(() => Everything(fake));
            Assert.That(error, Is.Null.Or.TypeOf<DeviceException>(), $"{where}: {error}");
            // Memory that could not be had is asked for again when what nobody uses is freed.
            if (error is null)
                Assert.That(calls[n - 1], Does.Match("Free|Unload|Destroy|Release|Pop|Push|MemGetInfo|MemAlloc"), $"{where}: no error");
            Assert.That(fake.Depth, Is.Zero, where);
            Assert.That(fake.Retained, Is.Zero, where);
            // A context that cannot be made current cannot be cleaned up: all else is.
            if (!forever && !(error is null && calls[n - 1] == "cuCtxPushCurrent_v2"))
            {
                Assert.That(fake.Live, Is.Zero, where);
                Assert.That(fake.MemoryUsed, Is.Zero, where);
            }
        }
    }

    [Test]
    public async Task A_lost_device_is_reported_again_by_every_later_call(CancellationToken timeout)
    {
        using var fake = new FakeDriver();
        using (var model = await FakeCuda.LoadAsync(fake, DemoModel.Directory, cancellation: timeout))
        {
            using var session = model.CreateSession();
            await session.GenerateAsync(new ImageOptions { Steps = 2 });
            fake.Fail("cuEventSynchronize", IllegalAddress, nth: 3);
            var first = await Caught(() => session.GenerateAsync(new ImageOptions { Steps = 4 }));
            Assert.That(first?.Message, Does.Contain("CUDA_ERROR_ILLEGAL_ADDRESS").And.Contain("in cuEventSynchronize").And.Contain("after launching "));
            var calls = fake.Calls.Count(c => c == "cuGraphLaunch");
            foreach (var later in new Func<Task>[]
            {
                () => session.GenerateAsync(new ImageOptions { Steps = 2 }), () => session.AnswerAsync("What?"), () => model.WarmUpAsync(new() { Width = 16 }, timeout),
            })
                Assert.That((await Caught(later))?.Message, Is.EqualTo($"the device is lost to this process since {first!.Message}"));
            Assert.That(fake.Calls.Count(c => c == "cuGraphLaunch"), Is.EqualTo(calls));
        }
        FakeCuda.AssertNothingLeft(fake);
    }

    [Test]
    public async Task A_failed_request_leaves_the_model_working(CancellationToken timeout)
    {
        using var fake = new FakeDriver();
        using var model = await FakeCuda.LoadAsync(fake, DemoModel.Directory, cancellation: timeout);
        using var session = model.CreateSession();
        foreach (var function in new[] { "cuGraphLaunch", "cuStreamEndCapture", "cuGraphInstantiateWithFlags", "cuMemcpyHtoDAsync_v2", "cuLaunchKernel" })
        {
            model.TrimMemory();
            fake.Fail(function, Unknown);
            Assert.That((await Caught(() => session.GenerateAsync(new ImageOptions { Steps = 2 })))?.Message, Does.Contain($"in {function.Replace("_v2", "", StringComparison.Ordinal)}"));
            await session.GenerateAsync(new ImageOptions { Steps = 2 });
        }
    }

    [Test]
    public async Task A_kernels_fault_names_the_step_it_was_in(CancellationToken timeout)
    {
        using var fake = new FakeDriver();
        using var model = await FakeCuda.LoadAsync(fake, DemoModel.Directory, cancellation: timeout);
        using var session = model.CreateSession();
        await session.GenerateAsync(new ImageOptions { Steps = 2 });
        fake.Fail("cuEventRecord", IllegalAddress, nth: 12);
        Assert.That((await Caught(() => session.GenerateAsync(new ImageOptions { Steps = 9 })))?.Message, Does.Contain("the captured step of 2 sequences"));
    }

    [Test]
    public async Task Loading_that_is_cancelled_leaves_nothing(CancellationToken timeout)
    {
        using var fake = new FakeDriver();
        using var cancel = new CancellationTokenSource();
        var progress = new Listener<LoadProgress>(p => { if (p.Bytes > p.TotalBytes / 2) cancel.Cancel(); });
        Assert.That(async () => await FakeCuda.LoadAsync(fake, DemoModel.Directory, progress: progress, cancellation: cancel.Token), Throws.InstanceOf<OperationCanceledException>());
        FakeCuda.AssertNothingLeft(fake);
    }

    [Test]
    public async Task Weights_go_up_through_two_pieces_of_pinned_memory_without_waiting_for_the_stream(CancellationToken timeout)
    {
        using var fake = new FakeDriver();
        using var model = await FakeCuda.LoadAsync(fake, DemoModel.Directory, cancellation: timeout);
        Assert.That(fake.Calls.Count(c => c == "cuMemHostAlloc"), Is.EqualTo(2));
        Assert.That(fake.Calls, Has.None.AnyOf("cuStreamSynchronize", "cuMemcpyHtoD_v2"));
        Assert.That(fake.MemoryUsed, Is.InRange(model.WeightBytes, model.WeightBytes + (1 << 20)));
    }

    /// <summary>A load, a picture and an answer.</summary>
    private static async Task Everything(FakeDriver fake)
    {
        using var model = await FakeCuda.LoadAsync(fake, DemoModel.Directory);
        using var session = model.CreateSession();
        await session.GenerateAsync(DemoModel.Prompt, new() { Steps = 3, Width = 16, Height = 16 });
        await session.AnswerAsync("What?", new() { MaxTokens = 4, Width = 16, Height = 16 });
    }

    private static IEnumerable<int> Sampled(IReadOnlyList<string> calls) => calls
        .Select((function, i) => (Function: function, Call: i + 1))
        .GroupBy(c => c.Function)
        .SelectMany(of =>
        {
            var all = of.Select(c => c.Call).ToArray();
            return Enumerable.Range(0, Math.Min(Samples, all.Length)).Select(i => all[all.Length <= Samples ? i : (int)((long)i * (all.Length - 1) / (Samples - 1))]);
        })
        .Order();

    private static async Task<Exception?> Caught(Func<Task> action)
    {
        try
        {
            await action();
            return null;
        }
        catch (Exception e)
        {
            return e;
        }
    }
}
