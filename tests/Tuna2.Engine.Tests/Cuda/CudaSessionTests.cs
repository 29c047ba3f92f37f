using NUnit.Framework;
using Tuna2.Engine.Sampling;
using Tuna2.Engine.Tests.Sessions;

namespace Tuna2.Engine.Tests.Cuda;

/// <summary>Sessions on one device: turns, memory, slots.</summary>
[CancelAfter(300_000)]
public class CudaSessionTests
{
    private static readonly ImageOptions _short = new() { Steps = 2, Seed = 5 };

    [Test]
    public async Task Sessions_of_different_sizes_at_once_have_the_bits_of_one_after_the_other(CancellationToken timeout)
    {
        using var fake = FakeCuda.Executing();
        using (var model = await FakeCuda.LoadAsync(fake, DemoModel.Directory, cancellation: timeout))
        {
            ImageOptions[] requests =
            [
                _short with { Width = 16, Height = 32 }, _short with { Width = 48, Height = 16, Seed = 6 }, _short with { Width = 16, Height = 32, Guidance = 1 },
            ];
            var serial = new List<byte[]>();
            foreach (var request in requests)
                serial.Add(await Generate(model, request));
            model.TrimMemory();
            var answer = await Ask(model);
            var together = requests.Select(request => Task.Run(() => Generate(model, request), timeout)).ToArray();
            var asked = Task.Run(() => Ask(model), timeout);
            Assert.That(await Task.WhenAll(together), Is.EqualTo(serial));
            Assert.That(await asked, Is.EqualTo(answer));
        }
        FakeCuda.AssertNothingLeft(fake);

        async Task<byte[]> Generate(TunaModel model, ImageOptions options)
        {
            using var session = model.CreateSession();
            return await session.GenerateAsync(options);
        }

        async Task<string> Ask(TunaModel model)
        {
            using var session = model.CreateSession();
            return await session.AnswerAsync("What color is the square?", new() { MaxTokens = 2, Width = 16, Height = 32 });
        }
    }

    [Test]
    public async Task The_same_seed_is_the_same_picture_in_a_slot_that_was_used(CancellationToken timeout)
    {
        using var fake = FakeCuda.Executing();
        using var model = await FakeCuda.LoadAsync(fake, DemoModel.Directory, cancellation: timeout);
        using var session = model.CreateSession();
        var request = _short with { Width = 16, Height = 32 };
        var first = await session.GenerateAsync(request);
        var other = await session.GenerateAsync(request with { Seed = 9 });
        Assert.That(other, Is.Not.EqualTo(first));
        Assert.That(await session.GenerateAsync(request), Is.EqualTo(first));
        var several = await session.GenerateAsync(DemoModel.Prompt, request with { Count = 2 }, null, timeout);
        Assert.That(several[0].Bytes(), Is.EqualTo(first));
        Assert.That(several[0].Parameters.Device, Is.EqualTo("cuda:0"));
    }

    [Test]
    public async Task Sessions_that_end_and_that_are_cancelled_leave_no_memory(CancellationToken timeout)
    {
        using var fake = new FakeDriver();
        using (var model = await FakeCuda.LoadAsync(fake, DemoModel.Directory, cancellation: timeout))
        {
            await Generate(model, 0);
            model.TrimMemory();
            var (live, memory) = (fake.Live, fake.MemoryUsed);
            for (var i = 0; i < 200; i++)
                await Generate(model, 0);
            Assert.That(model.Slots.Unused, Is.EqualTo(1), "one slot served them all");
            for (var i = 0; i < 200; i++)
                await Generate(model, 1 + i % 2);
            Assert.That(model.Slots.Unused, Is.EqualTo(1));
            model.TrimMemory();
            Assert.That((fake.Live, fake.MemoryUsed), Is.EqualTo((live, memory)));
            Assert.That(fake.Depth, Is.Zero);
        }
        FakeCuda.AssertNothingLeft(fake);

        static async Task Generate(TunaModel model, int cancelAt)
        {
            using var session = model.CreateSession();
            using var cancel = new CancellationTokenSource();
            var progress = new Listener<GenerationProgress>(p => { if (p.Step == cancelAt) cancel.Cancel(); });
            var call = session.GenerateAsync(DemoModel.Prompt, new() { Steps = 4, Width = 16, Height = 16 }, progress, cancel.Token);
            if (cancelAt > 0)
                await Assert.CatchAsync<OperationCanceledException>(() => call);
            else
                await call;
        }
    }

    [Test]
    public async Task Warming_up_leaves_the_first_request_nothing_to_make(CancellationToken timeout)
    {
        using var fake = new FakeDriver();
        using var model = await FakeCuda.LoadAsync(fake, DemoModel.Directory, cancellation: timeout);
        var options = new ImageOptions { Width = 32, Height = 48 };
        await model.WarmUpAsync(options, timeout);
        Assert.That(model.Slots.Unused, Is.EqualTo(1));
        fake.ClearCalls();
        using var session = model.CreateSession();
        await session.GenerateAsync(options);
        Assert.That(fake.Calls.Distinct(), Has.None.AnyOf("cuMemAlloc_v2", "cuModuleLoadData", "cuStreamBeginCapture_v2", "cuMemHostAlloc"));
        model.TrimMemory();
        Assert.That(model.Slots.Unused, Is.Zero);
        await session.GenerateAsync(options);
        Assert.That(fake.Calls, Does.Contain("cuStreamBeginCapture_v2"), "what was trimmed is made again");
    }

    [Test]
    public async Task Unused_slots_give_way_when_memory_runs_out(CancellationToken timeout)
    {
        using var fake = new FakeDriver();
        using var model = await FakeCuda.LoadAsync(fake, DemoModel.Directory, cancellation: timeout);
        using var session = model.CreateSession();
        await session.GenerateAsync(new ImageOptions { Steps = 1, Width = 256, Height = 256 });
        // What is free now does not hold a second size beside the first.
        fake.SetMemory(fake.MemoryUsed + (1 << 20));
        await session.GenerateAsync(new ImageOptions { Steps = 1, Width = 192, Height = 256 });
        Assert.That(model.Slots.Unused, Is.EqualTo(1));
        var error = await Assert.ThrowsAsync<DeviceException>(() => session.GenerateAsync(new ImageOptions { Steps = 1, Width = 1024, Height = 1024 }));
        Assert.That(error!.Message, Does.StartWith("not enough memory for a picture of 1024x1024: it takes "));
        await session.GenerateAsync(new ImageOptions { Steps = 1, Width = 32, Height = 32 });
    }

    [Test]
    public async Task Only_a_few_unused_slots_are_kept(CancellationToken timeout)
    {
        using var fake = new FakeDriver();
        using var model = await FakeCuda.LoadAsync(fake, DemoModel.Directory, cancellation: timeout);
        using var session = model.CreateSession();
        for (var i = 1; i <= SlotPool.MostUnused + 2; i++)
            await session.GenerateAsync(new ImageOptions { Steps = 1, Width = 16 * i, Height = 16 });
        Assert.That(model.Slots.Unused, Is.EqualTo(SlotPool.MostUnused));
    }

    [Test]
    public async Task On_the_CPU_there_is_nothing_to_warm_up_and_nothing_to_trim(CancellationToken timeout)
    {
        using var model = await DemoModel.LoadAsync();
        await model.WarmUpAsync(new() { Width = 32, Height = 32 }, timeout);
        Assert.That(model.Slots.Unused, Is.Zero);
        model.TrimMemory();
        await Assert.ThrowsAsync<RequestException>(() => model.WarmUpAsync(new() { Width = 33 }, timeout));
        Assert.That(model.DeviceNote, Is.Null);
        model.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => model.WarmUpAsync(null, timeout));
    }
}
