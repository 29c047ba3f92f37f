namespace Tuna2.Engine.Text;

/// <summary>
/// Unicode normalisation form C, guarded: a .NET process without culture data returns text as it came, without an error,
/// and the ids would quietly be wrong.
/// </summary>
/// <param name="available">Whether <see cref="string.Normalize()"/> composes in this process.</param>
sealed class NfcNormalizer(bool available)
{
    /// <summary>Nothing below the first combining mark composes or reorders: such text is in form C already.</summary>
    const char FirstCombiningMark = '\u0300';

    /// <summary>Whether this process can normalise, found by composing an accented letter.</summary>
    public static bool Available { get; } = "e\u0301".Normalize() == "\u00e9";

    /// <summary>Normalises well-formed UTF-16 text.</summary>
    /// <exception cref="RequestException">The text may need normalisation and this process has none.</exception>
    public string Apply(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange(FirstCombiningMark, char.MaxValue))
            return text;
        if (!available)
            throw new RequestException(
                "the text has characters that need Unicode normalisation, which this process lacks: it runs with " +
                "System.Globalization.Invariant (DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1) or without ICU; " +
                "turn the setting off and install ICU, or use Latin text");
        return text.Normalize();
    }
}
