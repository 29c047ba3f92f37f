namespace Tuna2.Engine.Imaging;

/// <summary>The formats something can be written as: their names, and the endings that ask for them.</summary>
/// <param name="refusal">What an ending of no format is told: what is written, and the endings that say so.</param>
/// <param name="formats">A row per format, in the order of its values; the first ending is the usual one.</param>
internal sealed class FormatTable<TFormat>(string refusal, params (TFormat Format, string Name, string[] Endings)[] formats) where TFormat : struct, Enum
{
    /// <summary>The format a name's ending asks for, upper or lower case; null where the name has no ending.</summary>
    /// <exception cref="RequestException">The ending is of no format that is written.</exception>
    public TFormat? OfPath(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        var ending = Path.GetExtension(path);
        if (ending.Length == 0)
            return null;
        foreach (var (format, _, endings) in formats)
            if (endings.Contains(ending, StringComparer.OrdinalIgnoreCase))
                return format;
        throw new RequestException($"{path}: {refusal}, not {ending}");
    }

    /// <summary>The usual ending of a format's files, with the point.</summary>
    public string Ending(TFormat format) => Row(format).Endings[0];

    /// <summary>A format's name.</summary>
    public string Name(TFormat format) => Row(format).Name;

    private (TFormat Format, string Name, string[] Endings) Row(TFormat format) => formats.Single(row => row.Format.Equals(format));
}
