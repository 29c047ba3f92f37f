using System.Diagnostics;

namespace Tuna2.Bench.Cpu;

/// <summary>What came of timing two ways of the same work in turns.</summary>
/// <param name="Ours">Median seconds of a run of ours.</param>
/// <param name="Peer">Median seconds of a run of the peer.</param>
/// <param name="Ratio">Median over the rounds of the peer's seconds by ours: above 1 ours is faster.</param>
/// <param name="Low">The smallest of those ratios.</param>
/// <param name="High">The largest.</param>
internal readonly record struct SideBySide(double Ours, double Peer, double Ratio, double Low, double High)
{
    /// <summary>Seconds of work in a sample, at least, so that a clock's tick and a stray interrupt are small in it.</summary>
    private const double SampleSeconds = 0.1;

    /// <summary>Each crew of threads spins a while before it sleeps, and would take a core from the other.</summary>
    private static readonly TimeSpan s_settle = TimeSpan.FromMilliseconds(30);

    /// <summary>
    /// Times both in <paramref name="rounds"/> rounds, each a sample of either, first one first and then the other. A sample of
    /// short runs begins with one that is not counted.
    /// </summary>
    public static SideBySide Run(int rounds, Action ours, Action peer) => Run(rounds, ours, Runs(ours), peer, Runs(peer));

    /// <summary>The same for work of many seconds, which is a sample each time and never run uncounted.</summary>
    public static SideBySide RunLong(int rounds, Action ours, Action peer) => Run(rounds, ours, 1, peer, 1);

    private static SideBySide Run(int rounds, Action ours, int ourRuns, Action peer, int peerRuns)
    {
        double[] our = new double[rounds], theirs = new double[rounds], ratios = new double[rounds];
        for (var round = 0; round < rounds; round++)
        {
            if (round % 2 == 0)
                our[round] = Sample(ours, ourRuns);
            theirs[round] = Sample(peer, peerRuns);
            if (round % 2 != 0)
                our[round] = Sample(ours, ourRuns);
            ratios[round] = theirs[round] / our[round];
        }
        return new SideBySide(Median(our), Median(theirs), Median(ratios), ratios.Min(), ratios.Max());
    }

    /// <summary>The fastest of several ways, by the best of three samples of each.</summary>
    public static T Fastest<T>(IReadOnlyList<T> ways, Func<T, Action> run) => ways.Count == 1 ? ways[0] : ways.MinBy(way =>
    {
        var action = run(way);
        var runs = Runs(action);
        return Enumerable.Range(0, 3).Min(_ => Sample(action, runs));
    })!;

    private static int Runs(Action run)
    {
        run();
        return (int)Math.Clamp(SampleSeconds / Sample(run, 1), 1, 10000);
    }

    private static double Sample(Action run, int runs)
    {
        Thread.Sleep(s_settle);
        if (runs > 1)
            run();
        var begin = Stopwatch.GetTimestamp();
        for (var i = 0; i < runs; i++)
            run();
        return Stopwatch.GetElapsedTime(begin).TotalSeconds / runs;
    }

    private static double Median(double[] values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
