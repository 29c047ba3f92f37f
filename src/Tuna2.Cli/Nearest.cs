namespace Tuna2.Cli;

/// <summary>What a mistyped name was probably meant to be.</summary>
internal static class Nearest
{
    /// <summary>"; did you mean 'steps'?", or nothing where no name is near.</summary>
    public static string DidYouMean(string typed, IEnumerable<string> names) => To(typed, names) is { } name ? $"; did you mean '{name}'?" : "";

    /// <summary>The name that takes the fewest changes, where a third of the letters at most have to change; else null.</summary>
    public static string? To(string typed, IEnumerable<string> names)
    {
        if (typed.Length < 3)
            return null; // "-z" is one change from every other letter
        var nearest = names.Select(name => (Name: name, Distance: Distance(typed, name))).DefaultIfEmpty(("", int.MaxValue)).MinBy(candidate => candidate.Item2);
        return nearest.Item2 <= Math.Max(1, Math.Min(typed.Length, nearest.Item1.Length) / 3) ? nearest.Item1 : null;
    }

    /// <summary>Letters put in, left out, replaced, or swapped with their neighbour (optimal string alignment).</summary>
    private static int Distance(string a, string b)
    {
        var d = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++)
            d[i, 0] = i;
        for (var j = 0; j <= b.Length; j++)
            d[0, j] = j;
        for (var i = 1; i <= a.Length; i++)
        {
            for (var j = 1; j <= b.Length; j++)
            {
                d[i, j] = Math.Min(Math.Min(d[i - 1, j], d[i, j - 1]) + 1, d[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    d[i, j] = Math.Min(d[i, j], d[i - 2, j - 2] + 1);
            }
        }
        return d[a.Length, b.Length];
    }
}
