using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tuna2.Engine;
using Tuna2.Engine.Parity;

namespace Tuna2.Bench.Cpu;

/// <summary>Results: a table on the console as they come and, where asked, a JSON line each.</summary>
internal sealed class Report(string? jsonFile, int threads, string simd, string command)
{
    /// <summary>Cells that <see cref="Row"/> fills in.</summary>
    public const string Ours = "{ours}", Peer = "{peer}", Ratio = "{ratio}";

    /// <summary>The most two float32 implementations may differ: sums of thousands of terms in different orders.</summary>
    private const double Agreement = 1e-5;

    private readonly string _date = DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>The processor's name as the system has it.</summary>
    public static string Processor => OperatingSystem.IsLinux() && File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal)) is { } line
        ? line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim()
        : RuntimeInformation.ProcessArchitecture.ToString();

    /// <summary>A number for a cell.</summary>
    public static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);

    /// <summary>Refuses to measure what is not the same result.</summary>
    public static void Check(string what, float[] ours, float[] theirs, int rowLength)
    {
        var comparison = Comparison.Of(ours, theirs, rowLength);
        if (!comparison.Within(Agreement))
            throw new ModelException($"{what}: ours and libtorch's differ: {comparison}");
    }

    /// <summary>Begins a table.</summary>
    public static void Head(params string[] columns)
    {
        Console.WriteLine();
        Console.WriteLine($"| {string.Join(" | ", columns)} |");
        Console.WriteLine($"|{string.Concat(columns.Select(_ => " --- |"))}");
    }

    /// <summary>A row of the table and of the file.</summary>
    public void Row(JsonObject facts, SideBySide times, int rounds, params string[] cells)
    {
        Console.WriteLine($"| {string.Join(" | ", cells)} |"
            .Replace(Ours, Number(times.Ours * 1e3, "0.000"), StringComparison.Ordinal)
            .Replace(Peer, Number(times.Peer * 1e3, "0.000"), StringComparison.Ordinal)
            .Replace(Ratio, $"{Number(times.Ratio, "0.00")} ({Number(times.Low, "0.00")} to {Number(times.High, "0.00")})", StringComparison.Ordinal));
        (facts["ours_ms"], facts["peer_ms"], facts["rounds"]) = (times.Ours * 1e3, times.Peer * 1e3, rounds);
        (facts["ratio"], facts["ratio_low"], facts["ratio_high"]) = (times.Ratio, times.Low, times.High);
        Write(facts);
    }

    /// <summary>A line of the file: the facts, then where and how they came.</summary>
    public void Write(JsonObject facts)
    {
        if (jsonFile is null)
            return;
        foreach (var absent in facts.Where(f => f.Value is null).Select(f => f.Key).ToArray())
            facts.Remove(absent);
        (facts["threads"], facts["simd"], facts["cpu"], facts["peer"]) = (threads, simd, $"{Processor}, {Environment.ProcessorCount} cores", LibTorch.Build);
        (facts["runtime"], facts["system"], facts["date"], facts["command"]) = (RuntimeInformation.FrameworkDescription, RuntimeInformation.OSDescription, _date, command);
        File.AppendAllText(jsonFile, facts.ToJsonString(new JsonSerializerOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }) + "\n");
    }
}
