using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Tuna2.Quality;

/// <summary>Results: a table on the console as they come and, where asked, a JSON line each.</summary>
internal sealed class Report(string? jsonFile, int threads, string command)
{
    private static readonly JsonSerializerOptions _readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly string _date = DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>Begins a table.</summary>
    public static void Head(params string[] columns)
    {
        Console.WriteLine();
        Console.WriteLine($"| {string.Join(" | ", columns)} |");
        Console.WriteLine($"|{string.Concat(columns.Select(_ => " --- |"))}");
    }

    /// <summary>A row of the table and of the file.</summary>
    public void Row(JsonObject facts, params FormattableString[] cells)
    {
        Console.WriteLine($"| {string.Join(" | ", cells.Select(cell => cell.ToString(CultureInfo.InvariantCulture)))} |");
        if (jsonFile is null)
            return;
        (facts["threads"], facts["cpu"], facts["runtime"]) = (threads, $"{Processor}, {Environment.ProcessorCount} cores", RuntimeInformation.FrameworkDescription);
        (facts["date"], facts["command"]) = (_date, command);
        File.AppendAllText(jsonFile, facts.ToJsonString(_readable) + "\n");
    }

    private static string Processor => OperatingSystem.IsLinux() && File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal)) is { } line
        ? line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim()
        : RuntimeInformation.ProcessArchitecture.ToString();
}
