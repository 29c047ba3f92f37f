using NUnit.Framework;
using Tuna2.Engine.Cuda;

namespace Tuna2.Engine.Tests.Cuda;

[CancelAfter(60_000)]
public class FairGateTests
{
    [Test]
    public async Task Threads_get_in_in_the_order_they_came(CancellationToken timeout)
    {
        var gate = new FairGate();
        var order = new List<int>();
        var threads = new List<Task>();
        using (gate.Enter())
            for (var i = 0; i < 6; i++)
            {
                var number = i;
                using var coming = new ManualResetEventSlim();
                threads.Add(Task.Factory.StartNew(() =>
                {
                    coming.Set();
                    using var turn = gate.Enter();
                    order.Add(number);
                }, timeout, TaskCreationOptions.LongRunning, TaskScheduler.Default));
                coming.Wait(timeout);
                while (gate.Waiting <= i)
                    Thread.Yield();
            }
        await Task.WhenAll(threads);
        Assert.That(order, Is.EqualTo(Enumerable.Range(0, 6)));
    }

    [Test]
    public async Task Two_that_ask_again_and_again_alternate(CancellationToken timeout)
    {
        var gate = new FairGate();
        var order = new List<int>();
        Task[] both;
        using (gate.Enter())
        {
            both = [.. Enumerable.Range(0, 2).Select(number => Task.Factory.StartNew(() =>
            {
                for (var i = 0; i < 50; i++)
                {
                    using var turn = gate.Enter();
                    order.Add(number);
                    // Nobody leaves before the other one asks: what a step takes.
                    while (i < 49 && gate.Waiting == 0)
                        Thread.Yield();
                }
            }, timeout, TaskCreationOptions.LongRunning, TaskScheduler.Default))];
            while (gate.Waiting < 2)
                Thread.Yield();
        }
        await Task.WhenAll(both);
        Assert.That(order.Take(98).Chunk(2).All(pair => pair.Distinct().Count() == 2), string.Join("", order));
    }

    [Test]
    public async Task A_thread_that_is_in_may_enter_again_and_nobody_else_meanwhile(CancellationToken timeout)
    {
        var gate = new FairGate();
        Task other;
        using (gate.Enter())
        {
            using (gate.Enter())
                other = Task.Run(() => gate.Enter().Dispose(), timeout);
            while (gate.Waiting == 0)
                Thread.Yield();
            Assert.That(other.IsCompleted, Is.False);
        }
        await other;
    }
}
