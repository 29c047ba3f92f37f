namespace Tuna2.Cli;

/// <summary>A terminal that pictures can be drawn on.</summary>
/// <param name="Columns">Characters in a line.</param>
/// <param name="Rows">Lines.</param>
/// <param name="TrueColour">Whether it has all colours, or the usual 256.</param>
internal sealed record TerminalScreen(int Columns, int Rows, bool TrueColour)
{
    private const int UsualColumns = 80, UsualRows = 24;

    /// <summary>Standard error, as large as it is now; null where it is no terminal or has no colours.</summary>
    public static TerminalScreen? OfProcess()
    {
        if (Console.IsErrorRedirected)
            return null;
        var (columns, rows) = Size();
        return Of(Environment.GetEnvironmentVariable, columns, rows);
    }

    /// <summary>What the environment says of a terminal; null where it has no colours, or its user wants none (no-color.org).</summary>
    public static TerminalScreen? Of(Func<string, string?> environment, int columns, int rows)
    {
        var kind = environment("TERM") ?? "";
        if (!string.IsNullOrEmpty(environment("NO_COLOR")) || kind == "dumb" || (kind.Length == 0 && !OperatingSystem.IsWindows()))
            return null;
        var trueColour = environment("COLORTERM") is "truecolor" or "24bit" || environment("WT_SESSION") is { Length: > 0 } || kind.EndsWith("-direct", StringComparison.Ordinal);
        return new TerminalScreen(columns, rows, trueColour);
    }

    /// <summary>The window's size; a terminal that does not tell is of the usual one.</summary>
    private static (int Columns, int Rows) Size()
    {
        try
        {
            return Console.WindowWidth > 0 && Console.WindowHeight > 0 ? (Console.WindowWidth, Console.WindowHeight) : (UsualColumns, UsualRows);
        }
        catch (Exception e) when (e is IOException or PlatformNotSupportedException)
        {
            return (UsualColumns, UsualRows);
        }
    }
}
