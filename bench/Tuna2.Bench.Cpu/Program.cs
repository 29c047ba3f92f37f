using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Tuna2.Bench.Cpu;
using Tuna2.Engine;
using Tuna2.Engine.Cpu;

const string Usage = "usage: dotnet run -c Release --project bench/Tuna2.Bench.Cpu -- "
    + "products|attention|vae|clips|bandwidth|arithmetic|all [--filter REGEX] [--size PIXELS] [--rounds N] [--threads N] [--simd auto|scalar|vector128|avx2|avx512] [--json FILE]";

Regex? filter = null;
string? json = null;
int rounds = 7, threads = 2, size = 256;
var simd = SimdLevel.Auto;
if (args is not [("products" or "attention" or "vae" or "clips" or "bandwidth" or "arithmetic" or "all") and var what, .. var options])
    return Refuse();
for (var i = 0; i < options.Length; i += 2)
{
    var value = i + 1 < options.Length ? options[i + 1] : "";
    var taken = options[i] switch
    {
        "--filter" => value != "" && (filter = Pattern(value)) is not null,
        "--json" => (json = value) != "",
        "--size" => int.TryParse(value, out size) && size is >= 32 and <= 1024 && size % 16 == 0,
        "--rounds" => int.TryParse(value, out rounds) && rounds > 0,
        "--threads" => int.TryParse(value, out threads) && threads is > 0 and <= CpuBackend.MaxThreads,
        "--simd" => Enum.TryParse(value, ignoreCase: true, out simd) && Enum.IsDefined(simd),
        _ => false,
    };
    if (!taken)
        return Refuse();
}

try
{
    LibTorch.Start(threads);
    using var backend = new CpuBackend(threads, simd);
    using var bandwidth = new Bandwidth(threads);
    // Where the rows go is nobody's business who reads them.
    var command = string.Join(' ', args.Where((a, i) => a != "--json" && (i == 0 || args[i - 1] != "--json")));
    var report = new Report(json, threads, backend.Simd.ToString(), command);
    Console.WriteLine($"{Report.Processor}, {threads} threads on either side, ours {backend.Simd} from bfloat16 weights (the VAE's are float32); {LibTorch.Build}; ratio: libtorch's time by ours");

    if (what is "bandwidth" or "all")
    {
        const long Bytes = 256L << 20;
        var times = SideBySide.Run(rounds, () => bandwidth.Copy(Bytes), () => bandwidth.Read(Bytes));
        Console.WriteLine($"memory: copy {Report.Number(Bytes / times.Ours / 1e9, "0.0")} GB/s read plus written, read {Report.Number(Bytes / times.Peer / 1e9, "0.0")} GB/s");
        report.Write(new JsonObject { ["row"] = "cpu bandwidth", ["copy_gb_per_s"] = Bytes / times.Ours / 1e9, ["read_gb_per_s"] = Bytes / times.Peer / 1e9, ["rounds"] = rounds });
    }
    if (what is "arithmetic" or "all")
    {
        using var arithmetic = new Arithmetic(threads, backend.Simd);
        var gflops = arithmetic.OperationsPerSecond(rounds) / 1e9;
        Console.WriteLine($"arithmetic: {Report.Number(gflops, "0")} GFLOP/s of float32 multiply-adds in registers, the fastest of {rounds} times {Arithmetic.RunsOfARound} runs");
        report.Write(new JsonObject { ["row"] = "cpu arithmetic", ["gflops"] = gflops, ["rounds"] = rounds });
    }
    if (what is "products" or "all")
        ProductBench.Run(backend, bandwidth, rounds, filter, report);
    if (what is "attention" or "all")
        AttentionBench.Run(backend, rounds, filter, report);
    if (what is "vae" or "clips" or "all")
    {
        using var vae = new VaeBench(backend);
        if (what != "clips")
            vae.Picture(size, rounds, report);
        if (what != "vae")
            vae.Clips(Math.Min(size, 128), [13, 61], report);
    }
    return 0;
}
catch (Exception e) when (e is Tuna2Exception or IOException or UnauthorizedAccessException)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}

static Regex? Pattern(string text)
{
    try
    {
        return new Regex(text);
    }
    catch (ArgumentException)
    {
        return null;
    }
}

static int Refuse()
{
    Console.Error.WriteLine(Usage);
    return 2;
}
