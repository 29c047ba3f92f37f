using System.Text;
using System.Text.Json;
using Tuna2.Bench;
using Tuna2.Bench.Cases;
using Tuna2.Engine;
using Tuna2.Engine.Cuda;

// tuna2-kernels [FILTER]: a JSON line per kernel and shape, as it is measured; the first line is the device, and the next say whether the
// products' kernels are right at sizes that fit no tile, beside float64. For machines without .NET: BenchmarkDotNet, which measures the same with more statistics, cannot be compiled ahead.

const int Rounds = 15, RoundMilliseconds = 20, MaxLaunches = 10_000;

var chosen = KernelCases.All.Where(c => args.Length == 0 || c.Name.Contains(args[0], StringComparison.OrdinalIgnoreCase)).ToArray();
if (args.Length > 1 || chosen.Length == 0)
{
    Console.Error.WriteLine(args.Length > 1 ? "usage: tuna2-kernels [FILTER]" : $"no case has '{args[0]}' in its name");
    return 2;
}
try
{
    using var bench = new BenchDevice(CudaDriver.Load().Device(0));
    Write(json =>
    {
        json.WriteString("row", "device");
        json.WriteString("device", bench.Device.ToString());
        json.WriteString("cuda", bench.Device.Driver.Version.ToString());
        json.WriteNumber("copy_bytes_per_s", bench.Roofline.BytesPerSecond);
        json.WriteNumber("tensor_flops_per_s", bench.Roofline.TensorFlopsPerSecond);
        json.WriteNumber("vector_flops_per_s", bench.Roofline.VectorFlopsPerSecond);
    });
    var failed = 0;
    foreach (var check in ProductCheck.Run(bench.Launcher, bench.Memory, bench.Hopper, name => args.Length == 0 || name.Contains(args[0], StringComparison.OrdinalIgnoreCase), bench.Products))
    {
        failed += check.Passed ? 0 : 1;
        Write(json =>
        {
            json.WriteString("row", "check");
            json.WriteString("name", check.Kernel);
            json.WriteString("shape", check.Shape);
            json.WriteBoolean("passed", check.Passed);
            if (double.IsFinite(check.RelativeError))
                json.WriteNumber("error", check.RelativeError);
            else
                json.WriteNull("error");
        });
    }
    foreach (var measured in chosen.Where(c => c.Instance.RunsOn(bench.Device.Architecture)))
    {
        try
        {
            using var run = new CaseRun(bench, measured);
            var launches = (int)Math.Clamp(RoundMilliseconds / Math.Max(Milliseconds(bench, run, 3) / 3, 1e-4), 1, MaxLaunches);
            Milliseconds(bench, run, launches);
            var times = new double[Rounds];
            for (var i = 0; i < Rounds; i++)
                times[i] = Milliseconds(bench, run, launches) / launches;
            Array.Sort(times);
            var row = KernelRow.Of(measured, times[Rounds / 2] / 1e3, bench.Roofline);
            Write(json =>
            {
                json.WriteString("row", "kernel");
                json.WriteString("name", row.Kernel);
                json.WriteString("shape", row.Shape);
                json.WriteNumber("us", row.Microseconds);
                json.WriteNumber("us_low", times[0] * 1e3);
                json.WriteNumber("us_high", times[^1] * 1e3);
                json.WriteNumber("gb_per_s", row.GigabytesPerSecond);
                json.WriteNumber("tflops", row.TeraflopsPerSecond);
                json.WriteNumber("bound_percent", row.PercentOfBound);
                json.WriteString("bound", row.Bound);
            });
        }
        catch (DeviceException e) when (bench.Context.Fault is null)
        {
            failed++;
            Write(json =>
            {
                json.WriteString("row", "kernel");
                json.WriteString("name", measured.Instance.Name);
                json.WriteString("shape", measured.Shape);
                json.WriteString("failed", e.Message);
            });
        }
    }
    return failed == 0 ? 0 : 1;
}
catch (DeviceException e)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}

static float Milliseconds(BenchDevice bench, CaseRun run, int launches)
{
    using CudaEvent start = new(bench.Context, timed: true), end = new(bench.Context, timed: true);
    start.Record(bench.Stream);
    for (var i = 0; i < launches; i++)
        run.Launch();
    end.Record(bench.Stream);
    end.Synchronize();
    return end.MillisecondsSince(start);
}

static void Write(Action<Utf8JsonWriter> fields)
{
    using var line = new MemoryStream();
    using (var json = new Utf8JsonWriter(line))
    {
        json.WriteStartObject();
        fields(json);
        json.WriteEndObject();
    }
    Console.Out.WriteLine(Encoding.UTF8.GetString(line.ToArray()));
    Console.Out.Flush();
}
