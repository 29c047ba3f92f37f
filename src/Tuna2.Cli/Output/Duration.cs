using System.Globalization;

namespace Tuna2.Cli.Output;

/// <summary>Times as people read them.</summary>
internal static class Duration
{
    /// <summary>Seconds with one decimal; from two minutes on, minutes and seconds.</summary>
    public static string Text(double seconds) => seconds < 120
        ? string.Create(CultureInfo.InvariantCulture, $"{seconds:0.0} s")
        : string.Create(CultureInfo.InvariantCulture, $"{(long)seconds / 60} min {(long)seconds % 60:00} s");
}
