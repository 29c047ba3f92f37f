namespace Tuna2.Cli;

/// <summary>A terminal that pictures can be drawn on.</summary>
/// <param name="Columns">Characters in a line.</param>
/// <param name="Rows">Lines.</param>
/// <param name="TrueColour">Whether it has all colours, or the usual 256.</param>
internal sealed record TerminalScreen(int Columns, int Rows, bool TrueColour)
{
    /// <summary>Standard error, as large as it is now; null where it is no terminal or has no colours.</summary>
    public static TerminalScreen? OfProcess()
    {
        if (Console.IsErrorRedirected)
            return null;
        try
        {
            return Of(Environment.GetEnvironmentVariable, Console.WindowWidth, Console.WindowHeight);
        }
        catch (Exception e) when (e is IOException or PlatformNotSupportedException)
        {
            return null;
        }
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
}
