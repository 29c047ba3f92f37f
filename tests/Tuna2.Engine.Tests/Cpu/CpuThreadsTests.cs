using NUnit.Framework;
using Tuna2.Engine.Cpu;

namespace Tuna2.Engine.Tests.Cpu;

[CancelAfter(60000)]
public class CpuThreadsTests
{
    [Test, Combinatorial]
    public void Every_item_is_done_exactly_once([Values(1, 2, 3, 7)] int threads, [Values(0, 1, 2, 3, 1000)] int items)
    {
        using var crew = new CpuThreads(threads);
        for (var repeat = 0; repeat < 20; repeat++)
        {
            var done = new int[items];
            crew.For(items, i => Interlocked.Increment(ref done[i]));
            Assert.That(done, Is.All.EqualTo(1));
        }
    }

    [Test]
    public void Many_thousands_of_tiny_jobs_lose_none()
    {
        using var crew = new CpuThreads(3);
        long sum = 0;
        for (var job = 0; job < 20000; job++)
            crew.For(4, i => Interlocked.Add(ref sum, i + 1));
        Assert.That(sum, Is.EqualTo(20000 * 10));
    }

    [Test]
    public void A_crew_that_went_to_sleep_wakes_up()
    {
        using var crew = new CpuThreads(3);
        for (var job = 0; job < 5; job++)
        {
            Thread.Sleep(60); // long enough for the workers to stop spinning
            using var met = new Barrier(2);
            // Two items that wait for each other end only if two threads work.
            crew.For(2, _ => Assert.That(met.SignalAndWait(TimeSpan.FromSeconds(20))));
        }
    }

    [Test]
    public void An_item_may_ask_for_the_crew_it_runs_on()
    {
        using var crew = new CpuThreads(3);
        var done = new int[6 * 50];
        crew.For(6, outer => crew.For(50, inner => Interlocked.Increment(ref done[outer * 50 + inner])));
        Assert.That(done, Is.All.EqualTo(1));
    }

    [Test]
    public void Sessions_that_ask_at_once_all_get_their_work_done()
    {
        using var crew = new CpuThreads(3);
        var counts = new int[4];
        var sessions = counts.Select((_, s) => new Thread(() =>
        {
            for (var job = 0; job < 2000; job++)
                crew.For(5, _ => Interlocked.Increment(ref counts[s]));
        })).ToArray();
        foreach (var session in sessions)
            session.Start();
        foreach (var session in sessions)
            session.Join();
        Assert.That(counts, Is.All.EqualTo(10000));
    }

    [TestCase(1)]
    [TestCase(3)]
    public void An_exception_reaches_the_caller_and_the_crew_goes_on(int threads)
    {
        using var crew = new CpuThreads(threads);
        for (var repeat = 0; repeat < 50; repeat++)
        {
            Assert.That(() => crew.For(40, i => { if (i == 17) throw new FormatException($"item {i}"); }), Throws.TypeOf<FormatException>().With.Message.EqualTo("item 17"));
            var done = 0;
            crew.For(40, _ => Interlocked.Increment(ref done));
            Assert.That(done, Is.EqualTo(40));
        }
    }

    [Test]
    public void Disposing_ends_the_workers_and_the_crew_takes_no_more_jobs()
    {
        var workers = new HashSet<Thread>();
        var crew = new CpuThreads(3);
        using (var met = new Barrier(3))
            crew.For(3, _ =>
            {
                lock (workers)
                    workers.Add(Thread.CurrentThread);
                met.SignalAndWait(TimeSpan.FromSeconds(20));
            });
        crew.Dispose();
        crew.Dispose();
        Assert.Multiple(() =>
        {
            Assert.That(workers, Has.Count.EqualTo(3));
            Assert.That(workers.Where(w => w != Thread.CurrentThread).Select(w => w.IsAlive), Is.All.False);
            Assert.That(() => crew.For(2, _ => { }), Throws.TypeOf<ObjectDisposedException>());
        });
    }

    [Test]
    public void Scratch_that_came_back_is_lent_again()
    {
        using var crew = new CpuThreads(1);
        CpuBuffer first = crew.Rent(), second = crew.Rent();
        Assert.That(second, Is.Not.SameAs(first));
        crew.Return(first);
        Assert.That(crew.Rent(), Is.SameAs(first));
        crew.Return(first);
        crew.Return(second);
    }
}
