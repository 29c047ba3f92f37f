using System.Text.Json;

namespace Tuna2.Bench.Plots.Data;

/// <summary>
/// The rows of a folder of results, file by file in the order of their names. What cannot be read is left out and said in a line;
/// the rest counts.
/// </summary>
internal sealed class Results
{
    private readonly List<ResultRow> _rows = [];
    private readonly List<string> _problems = [];

    private Results()
    {
    }

    /// <summary>A line for everything that could not be used, so far.</summary>
    public IReadOnlyList<string> Problems => _problems;

    /// <summary>Every *.jsonl of a folder; none is no problem, for nobody may have measured yet.</summary>
    public static Results Read(string folder)
    {
        var results = new Results();
        foreach (var path in Directory.Exists(folder) ? Directory.GetFiles(folder, "*.jsonl").Order(StringComparer.Ordinal) : Enumerable.Empty<string>())
        {
            var number = 0;
            foreach (var line in File.ReadLines(path))
            {
                number++;
                if (!string.IsNullOrWhiteSpace(line))
                    results.Add($"{Path.GetFileName(path)}, line {number}", line);
            }
        }
        return results;
    }

    /// <summary>What rows of a kind say; of what was measured more than once, the last in the file stands, in the place of the first.</summary>
    /// <param name="kind">The rows' kind.</param>
    /// <param name="read">Makes a value of a row; throws where the row lacks something.</param>
    /// <param name="key">What tells measurements apart.</param>
    public IReadOnlyList<T> Latest<T, TKey>(string kind, Func<ResultRow, T> read, Func<T, TKey> key) where TKey : notnull
    {
        var latest = new OrderedDictionary<TKey, T>();
        foreach (var value in All<T>(kind, row => [read(row)]))
            latest[key(value)] = value;
        return [.. latest.Values];
    }

    /// <summary>All that rows of a kind say.</summary>
    /// <param name="kind">The rows' kind.</param>
    /// <param name="read">Makes values of a row; throws where the row lacks something, and then none of its values counts.</param>
    public IReadOnlyList<T> All<T>(string kind, Func<ResultRow, IReadOnlyList<T>> read)
    {
        var all = new List<T>();
        foreach (var row in _rows.Where(r => r.Kind == kind))
            try
            {
                all.AddRange(read(row));
            }
            catch (DamagedRowException e)
            {
                if (!_problems.Contains(e.Message))
                    _problems.Add(e.Message);
            }
        return all;
    }

    private void Add(string where, string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
                _rows.Add(new(where, document.RootElement.Clone()));
            else
                _problems.Add($"{where}: no JSON object");
        }
        catch (JsonException)
        {
            _problems.Add($"{where}: not JSON; a program that was stopped while it wrote leaves such a line");
        }
    }
}
