using System.Globalization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using Tuna2.Bench.Cases;

namespace Tuna2.Bench;

/// <summary>A column that follows from a case's time and its cost.</summary>
internal sealed class KernelColumn(string name, string legend, Func<KernelRow, string> value) : IColumn
{
    /// <summary>The columns, in order.</summary>
    public static IColumn[] All { get; } =
    [
        new KernelColumn("us", "Median of a launch, in microseconds of the device", r => Number(r.Microseconds, "0.00")),
        new KernelColumn("GB/s", "Bytes the kernel must move at least, over the time", r => Number(r.GigabytesPerSecond, "0")),
        new KernelColumn("TFLOP/s", "Operations it must do, over the time", r => Number(r.TeraflopsPerSecond, "0.0")),
        new KernelColumn("% of bound", "Least time by measured copy bandwidth and stated peak, over the time", r => Number(r.PercentOfBound, "0")),
        new KernelColumn("Bound", "What the least time comes from", r => r.Bound),
    ];

    public string Id => $"kernel {name}";
    public string ColumnName => name;
    public string Legend => legend;
    public bool AlwaysShow => true;
    public ColumnCategory Category => ColumnCategory.Custom;
    public int PriorityInCategory => Array.FindIndex(All, c => c.ColumnName == name);
    public bool IsNumeric => name != "Bound";
    public UnitType UnitType => UnitType.Dimensionless;

    /// <summary>The row of a benchmark; null where it has no result.</summary>
    public static KernelRow? Row(Summary summary, BenchmarkCase benchmark) => summary[benchmark]?.ResultStatistics is { } statistics
        ? KernelRow.Of(KernelCases.All.Single(c => c.Name == (string)benchmark.Parameters[nameof(KernelBenchmarks.Kernel)]), statistics.Median / 1e9, BenchDevice.Current.Roofline)
        : null;

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase) => Row(summary, benchmarkCase) is { } row ? value(row) : "failed";

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) => GetValue(summary, benchmarkCase);

    public bool IsAvailable(Summary summary) => true;

    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

    private static string Number(double number, string format) => number.ToString(format, CultureInfo.InvariantCulture);
}
