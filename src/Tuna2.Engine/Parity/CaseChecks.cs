using System.Globalization;

namespace Tuna2.Engine.Parity;

/// <summary>Collects the comparisons of one case.</summary>
internal sealed class CaseChecks
{
    private readonly List<ParityCheck> _checks = [];

    public IReadOnlyList<ParityCheck> All => _checks;

    public bool Passed => _checks.Count > 0 && _checks.TrueForAll(c => c.Passed);

    /// <summary>Floats against a reference, by relative error.</summary>
    public void Floats(string name, string path, ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, int rowLength, double limit)
    {
        if (actual.Length != expected.Length)
        {
            _checks.Add(new(name, path, null, null, Text(limit), false, $"{actual.Length} values, not {expected.Length}"));
            return;
        }
        var c = Comparison.Of(actual, expected, rowLength);
        var passed = c.Within(limit);
        _checks.Add(new(name, path, c.MaxError, c.RelativeError, Text(limit), passed,
            passed || c.RelativeError > limit ? null : string.Create(CultureInfo.InvariantCulture, $"row {c.WorstRow} is off by {c.WorstRowError:E1}")));
    }

    /// <summary>Integers against a reference: identical.</summary>
    public void Identical(string name, string path, IReadOnlyList<long> actual, IReadOnlyList<long> expected)
    {
        var first = Enumerable.Range(0, Math.Max(actual.Count, expected.Count)).FirstOrDefault(i => i >= actual.Count || i >= expected.Count || actual[i] != expected[i], -1);
        var different = actual.Count == expected.Count ? actual.Where((a, i) => a != expected[i]).Count() : Math.Abs(actual.Count - expected.Count);
        _checks.Add(new(name, path, different, null, "identical", first < 0, first < 0 ? null
            : actual.Count != expected.Count ? $"{actual.Count} values, not {expected.Count}; first difference at {first}"
            : $"first difference at {first}: {actual[first]}, not {expected[first]}"));
    }

    /// <summary>Bytes: identical.</summary>
    public void Identical(string name, string path, ReadOnlySpan<byte> actual, ReadOnlySpan<byte> expected) =>
        Identical(name, path, Array.ConvertAll(actual.ToArray(), b => (long)b), Array.ConvertAll(expected.ToArray(), b => (long)b));

    /// <summary>Bytes of a whole run: none off by more than one, at most 1% off.</summary>
    public void Close(string name, string path, ReadOnlySpan<byte> actual, ReadOnlySpan<byte> expected)
    {
        const string limit = "1 step, 1%";
        if (actual.Length != expected.Length)
        {
            _checks.Add(new(name, path, null, null, limit, false, $"{actual.Length} bytes, not {expected.Length}"));
            return;
        }
        int max = 0, off = 0;
        for (var i = 0; i < actual.Length; i++)
        {
            var difference = Math.Abs(actual[i] - expected[i]);
            max = Math.Max(max, difference);
            off += difference == 0 ? 0 : 1;
        }
        var share = (double)off / Math.Max(actual.Length, 1);
        _checks.Add(new(name, path, max, null, limit, max <= 1 && share <= 0.01, string.Create(CultureInfo.InvariantCulture, $"{off} of {actual.Length} bytes differ")));
    }

    /// <summary>Text: identical.</summary>
    public void Identical(string name, string path, string actual, string expected) =>
        _checks.Add(new(name, path, null, null, "identical", actual == expected, actual == expected ? null : $"'{actual}', not '{expected}'"));

    private static string Text(double limit) => limit.ToString("0.##E+0", CultureInfo.InvariantCulture);
}
