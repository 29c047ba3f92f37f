using System.Globalization;
using Tuna2.Engine.Parity;

namespace Tuna2.Cli.Output;

/// <summary>
/// Parity cases as tables, written as they end: a row for every tensor, the full path, the prefix path and the one against
/// the other side by side.
/// </summary>
internal sealed class ParityTable(TextWriter output, bool quiet) : IProgress<ParityCase>
{
    private const string Full = "full";
    private const string Prefix = "prefix";
    private const string PrefixToFull = "prefix/full";

    private bool _begun;
    private string? _heading;

    /// <summary>Heads the cases of a folder, when the first of them is there: a folder that cannot be read has none.</summary>
    public void Begin(string directory) => _heading = directory;

    /// <summary>Writes a case.</summary>
    public void Report(ParityCase value)
    {
        if (_heading is not null)
        {
            if (_begun)
                output.WriteLine();
            output.WriteLine(_heading);
            (_begun, _heading) = (true, null);
        }
        // Most cases of a tokenizer or a noise folder have one check: a line says it all.
        if (value.Checks is [{ Path.Length: 0 } only] && value.Reason is null)
        {
            output.WriteLine($"{Status(value),-7} {value.Name}  {only.Name} {Single(only)}{Note(only)}");
            return;
        }
        output.WriteLine($"{Status(value),-7} {value.Name}{(value.Task.Length > 0 ? $"  {value.Task}" : "")}{(quiet && value.Checks.Count > 0 ? $"  {Worst(value)}" : "")}");
        if (value.Reason is not null)
            output.WriteLine($"  {(value.Status == ParityStatus.NotRun ? "not run" : "failed")}: {value.Reason}");
        var rows = value.Checks.GroupBy(check => check.Name).Where(row => !quiet || row.Any(check => !check.Passed)).Select(row => row.ToList()).ToList();
        if (rows.Count > 0)
            Write(rows);
        if (value.NotCompared.Count > 0)
            output.WriteLine($"  not compared: {string.Join(", ", value.NotCompared)}");
    }

    /// <summary>The count of all cases.</summary>
    public void End(IReadOnlyList<ParityReport> reports)
    {
        output.WriteLine();
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{reports.Sum(r => r.Passed)} passed, {reports.Sum(r => r.Failed)} failed, {reports.Sum(r => r.NotRun)} not run"));
    }

    private void Write(IReadOnlyList<List<ParityCheck>> rows)
    {
        var name = Math.Max("tensor".Length, rows.Max(row => row[0].Name.Length));
        var onePath = rows.All(row => row.All(check => check.Path.Length == 0));
        output.WriteLine(onePath
            ? $"  {"tensor".PadRight(name)}  {"max",-8} {"relative",-8}  limit"
            : $"  {"tensor".PadRight(name)}  {"full max",-8} {"full rel",-8}  {"prefix max",-10} {"prefix rel",-10}  {"prefix/full",-11}  limit");
        foreach (var row in rows)
        {
            // What has no path of its own, such as tokens, stands in the first columns.
            var full = row.Find(check => check.Path is Full or "");
            var prefix = row.Find(check => check.Path == Prefix);
            var between = row.Find(check => check.Path == PrefixToFull);
            var limit = string.Join(", ", new[] { full, prefix, between }.OfType<ParityCheck>().Select(check => check.Limit).Distinct());
            var verdict = (row.TrueForAll(check => check.Passed) ? "ok" : "FAIL") + string.Concat(row.Select(Note).Distinct());
            output.WriteLine(onePath
                ? $"  {row[0].Name.PadRight(name)}  {Max(full),-8} {Relative(full),-8}  {limit,-10}  {verdict}"
                : $"  {row[0].Name.PadRight(name)}  {Max(full),-8} {Relative(full),-8}  {Max(prefix),-10} {Relative(prefix),-10}  {Relative(between),-11}  {limit,-10}  {verdict}");
        }
    }

    private static string Worst(ParityCase c) => string.Join("  ", c.Checks
        .Where(check => check.RelativeError is not null)
        .GroupBy(check => check.Path)
        // NaN, which no limit allows, is the worst there is.
        .Select(path => path.MaxBy(check => double.IsNaN(check.RelativeError!.Value) ? double.PositiveInfinity : check.RelativeError)!)
        .Select(check => $"{(check.Path.Length > 0 ? $"{check.Path} " : "")}{check.Name} {Number(check.RelativeError)}"));

    private static string Status(ParityCase c) => c.Status switch
    {
        ParityStatus.Passed => "ok",
        ParityStatus.Failed => "FAIL",
        _ => "not run",
    };

    private static string Single(ParityCheck check) => check.RelativeError is { } relative
        ? $"max {Number(check.MaxError)} relative {Number(relative)} limit {check.Limit}"
        : check.Passed ? check.Limit : $"not {check.Limit}";

    private static string Max(ParityCheck? check) => check switch
    {
        null => "",
        { RelativeError: null, Passed: true, MaxError: null or 0 } => check.MaxError is null ? "same" : "0",
        { MaxError: null } => "differs",
        { RelativeError: null } => check.MaxError.Value.ToString("0", CultureInfo.InvariantCulture),
        _ => Number(check.MaxError),
    };

    private static string Relative(ParityCheck? check) => Number(check?.RelativeError);

    private static string Number(double? value) => value switch
    {
        null => "",
        0 => "0",
        _ => value.Value.ToString("0.0E-0", CultureInfo.InvariantCulture),
    };

    private static string Note(ParityCheck check) => check.Note is null ? "" : $"  {CliConsole.OneLine(check.Note)}";
}
