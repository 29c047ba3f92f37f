using System.Globalization;
using System.Text.Json;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Perfolizer.Horology;
using Tuna2.Bench;
using Tuna2.Bench.Cases;
using Tuna2.Engine;
using Tuna2.Engine.Cuda;

const string Usage = "usage: dotnet run -c Release --project bench/Tuna2.Bench -- kernels [--filter TEXT] [--json]";

string? filter = null;
var json = false;
if (args is not ["kernels", .. var options])
    return Refuse();
for (var i = 0; i < options.Length; i++)
{
    if (options[i] == "--json")
        json = true;
    else if (options[i] == "--filter" && i + 1 < options.Length)
        filter = options[++i];
    else
        return Refuse();
}
var cases = KernelCases.All.Where(c => filter is null || c.Name.Contains(filter, StringComparison.OrdinalIgnoreCase)).ToArray();
if (cases.Length == 0)
{
    Console.Error.WriteLine($"no case has '{filter}' in its name; there are: {string.Join(", ", KernelCases.All.Select(c => c.Name))}");
    return 2;
}

CudaDevice device;
try
{
    device = CudaDriver.Load().Device(0);
}
catch (DeviceException e)
{
    Console.WriteLine($"no CUDA device: not run ({e.Message})");
    return 0;
}

try
{
    using var bench = BenchDevice.Current = new BenchDevice(device);
    using var clock = new CudaEventClock(bench);
    KernelBenchmarks.Chosen = cases.Where(c => c.Instance.RunsOn(device.Architecture)).Select(c => c.Name);
    var roofline = bench.Roofline;
    Console.Error.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{device}; copy {roofline.BytesPerSecond / 1e9:0} GB/s measured; peaks stated: bf16 {roofline.TensorFlopsPerSecond / 1e12:0} TFLOP/s, float32 {roofline.VectorFlopsPerSecond / 1e12:0} TFLOP/s"));

    // In this process, for the device is here; no overhead is subtracted, for the host's loop is none of the device's time.
    var job = Job.Default.WithToolchain(new InProcessEmitToolchain(TimeSpan.FromMinutes(10), logOutput: true)).WithClock(clock)
        .WithEvaluateOverhead(false).WithUnrollFactor(1).WithIterationTime(TimeInterval.FromMilliseconds(50)).WithWarmupCount(3).WithIterationCount(15);
    var config = ManualConfig.CreateEmpty().AddJob(job).AddLogger(json ? NullLogger.Instance : ConsoleLogger.Default)
        .AddColumn(new ParamColumn(nameof(KernelBenchmarks.Kernel))).AddColumn(KernelColumn.All);
    var summary = BenchmarkRunner.Run<KernelBenchmarks>(config);

    var rows = summary.BenchmarksCases.Select(c => KernelColumn.Row(summary, c)).OfType<KernelRow>().ToArray();
    if (json)
        Console.WriteLine(JsonSerializer.Serialize(
            new { device = device.ToString(), driver = device.Driver.Version.ToString(), copyBytesPerSecond = roofline.BytesPerSecond, rows },
            new JsonSerializerOptions { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase }));
    if (rows.Length < cases.Length)
        Console.Error.WriteLine($"{cases.Length - rows.Length} of {cases.Length} cases failed");
    return rows.Length == cases.Length ? 0 : 1;
}
catch (DeviceException e)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}

static int Refuse()
{
    Console.Error.WriteLine(Usage);
    return 2;
}
