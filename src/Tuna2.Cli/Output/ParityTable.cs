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

    /// <summary>Heads the cases of a folder.</summary>
    public void Begin(string directory)
    {
        if (_begun)
            output.WriteLine();
        _begun = true;
        output.WriteLine(directory);
    }

    /// <summary>Writes a case.</summary>
    public void Report(ParityCase value)
    {
        // Most cases of a tokenizer or a noise folder have one check: a line says it all.
        if (value.Checks is [{ Path.Length: 0 } only] && value.Reason is null)
        {
            output.WriteLine($"{Status(value),-7} {value.Name}  {only.Name} {Single(only)}{Note(only)}");
            return;
        }
        output.WriteLine($"{Status(value),-7} {value.Name}{(value.Task.Length > 0 ? $"  {value.Task}" : "")}{(quiet && value.Checks.Count > 0 ? $"  {Worst(value)}" : "")}");
        if (value.Reason is not null)
            output.WriteLine($"  {(value.Status == ParityStatus.NotRun ? "not run" : "failed")}: {value.Reason}");
        var rows = value.Checks.GroupBy(check => check.Name).Where(row => !quiet || row.Any(check => !check.Passed)).ToList();
        if (rows.Count > 0)
            Row("tensor", "full max", "full rel", "prefix max", "prefix rel", "prefix/full", "limit", "");
        foreach (var row in rows)
            Write(row.Key, [.. row]);
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

    private void Write(string name, IReadOnlyList<ParityCheck> checks)
    {
        // What has no path of its own, such as tokens, stands in the first columns.
        var full = checks.FirstOrDefault(check => check.Path is Full or "");
        var prefix = checks.FirstOrDefault(check => check.Path == Prefix);
        var between = checks.FirstOrDefault(check => check.Path == PrefixToFull);
        var limits = string.Join(", ", checks.Select(check => check.Limit).Distinct());
        var notes = string.Concat(checks.Select(Note).Distinct());
        Row(name, Max(full), Relative(full), Max(prefix), Relative(prefix), Relative(between), limits, (checks.All(check => check.Passed) ? "ok" : "FAIL") + notes);
    }

    private void Row(string name, string fullMax, string fullRelative, string prefixMax, string prefixRelative, string between, string limit, string verdict) =>
        output.WriteLine($"  {name,-26} {fullMax,-8} {fullRelative,-8} {prefixMax,-10} {prefixRelative,-10} {between,-11} {limit,-12} {verdict}".TrimEnd());

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
