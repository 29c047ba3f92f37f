using Tuna2.Engine.Graph;

namespace Tuna2.Engine;

/// <summary>A measured part of the model.</summary>
/// <param name="Name">"prefill", "step", "token" or "picture".</param>
/// <param name="Detail">What it was: "512x512, 2 branches".</param>
/// <param name="Seconds">Seconds of one, the median of the rounds.</param>
/// <param name="Low">The fastest round.</param>
/// <param name="High">The slowest round.</param>
/// <param name="Flops">Floating-point operations of its products, at least; 0 where they are not counted.</param>
/// <param name="Bytes">Bytes its products must move, at least: each matrix, input and output once; 0 where they are not counted.</param>
public sealed record BenchmarkRow(string Name, string Detail, double Seconds, double Low, double High, long Flops, long Bytes)
{
    /// <summary>Operations per second, in billions.</summary>
    public double GigaflopsPerSecond => Flops / Seconds / 1e9;

    /// <summary>Bytes per second, in billions.</summary>
    public double GigabytesPerSecond => Bytes / Seconds / 1e9;
}

/// <summary>What a kernel, or on the CPU an op, took in one step or for one token.</summary>
/// <param name="Of">"step" or "token".</param>
/// <param name="Time">The time, and what it had to move and compute.</param>
public sealed record BenchmarkKernel(string Of, KernelTime Time);

/// <summary>What a whole takes that its kernels do not: gaps between them on a GPU, where a step is one graph; on the CPU what is done between ops.</summary>
/// <param name="Of">"step" or "token".</param>
/// <param name="Seconds">The time of one as it runs, less the sum of its kernels' timed alone. Below zero where they take less behind one another than alone.</param>
/// <param name="Percent">Of a hundred, its part of the time of one.</param>
public sealed record BenchmarkGap(string Of, double Seconds, double Percent)
{
    /// <summary>The gaps of what was timed both ways.</summary>
    public static IReadOnlyList<BenchmarkGap> Between(IEnumerable<BenchmarkRow> rows, IEnumerable<BenchmarkKernel> kernels)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var sums = kernels.GroupBy(k => k.Of).ToDictionary(of => of.Key, of => of.Sum(k => k.Time.Seconds));
        return [.. rows.Where(r => sums.ContainsKey(r.Name)).DistinctBy(r => r.Name).Select(r => new BenchmarkGap(r.Name, r.Seconds - sums[r.Name], 100 * (r.Seconds - sums[r.Name]) / r.Seconds))];
    }
}

/// <summary>What a device does at most.</summary>
/// <param name="BytesPerSecond">Bytes read and written by a copy of memory that no cache holds, as measured.</param>
/// <param name="FlopsPerSecond">Of products in the type that is computed in, as the maker states; null where nobody does.</param>
public sealed record BenchmarkPeaks(double BytesPerSecond, double? FlopsPerSecond)
{
    /// <summary>Of a hundred, how much of what memory gives was used; null where nothing was counted.</summary>
    public double? PercentOfCopy(double seconds, long bytes) => bytes == 0 ? null : 100 * bytes / seconds / BytesPerSecond;

    /// <summary>Of a hundred, how much of what it computes at most was used; null where nobody knows.</summary>
    public double? PercentOfFlops(double seconds, long flops) => flops == 0 ? null : 100 * flops / seconds / FlopsPerSecond;
}
