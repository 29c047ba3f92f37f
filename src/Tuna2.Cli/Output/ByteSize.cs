using System.Globalization;

namespace Tuna2.Cli.Output;

/// <summary>Numbers of bytes as people read them.</summary>
internal static class ByteSize
{
    /// <summary>In KiB, MiB or GiB, with one decimal; GiB with two.</summary>
    public static string Text(long bytes) => bytes switch
    {
        >= 1L << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):0.00} GiB"),
        >= 1L << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 20):0.0} MiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:0.0} KiB"),
    };
}
