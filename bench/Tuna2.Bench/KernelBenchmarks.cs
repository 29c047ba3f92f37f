using BenchmarkDotNet.Attributes;
using Tuna2.Bench.Cases;

namespace Tuna2.Bench;

/// <summary>A row per kernel at a shape of the 7B model: kernels/instances.txt, each with one or more <see cref="KernelCases"/>.</summary>
public class KernelBenchmarks : IDisposable
{
    private CaseRun? _run;

    /// <summary>The cases to run, by name.</summary>
    public static IEnumerable<string> Chosen { get; internal set; } = [];

    /// <summary>The kernel and its shape.</summary>
    [ParamsSource(nameof(Chosen))]
    public string Kernel { get; set; } = "";

    /// <summary>Makes the buffers, launches once and looks at what came out.</summary>
    [GlobalSetup]
    public void Prepare() => _run = new(BenchDevice.Current, KernelCases.All.Single(c => c.Name == Kernel));

    /// <summary>One launch.</summary>
    [Benchmark]
    public void Launch() => _run!.Launch();

    /// <summary>Frees the buffers.</summary>
    [GlobalCleanup]
    public void Dispose()
    {
        _run?.Dispose();
        GC.SuppressFinalize(this);
    }
}
