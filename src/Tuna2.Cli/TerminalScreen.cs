using Spectre.Console;

namespace Tuna2.Cli;

/// <summary>A terminal that pictures can be drawn on.</summary>
/// <param name="Columns">Characters in a line.</param>
/// <param name="Rows">Lines.</param>
/// <param name="TrueColour">Whether it has all colours, or the usual 256.</param>
internal sealed record TerminalScreen(int Columns, int Rows, bool TrueColour)
{
    /// <summary>A terminal as large as it is now; null where there is none, or it has few colours or its user wants none (no-color.org).</summary>
    public static TerminalScreen? Of(IAnsiConsole? terminal) => terminal?.Profile is { Capabilities.ColorSystem: ColorSystem.EightBit or ColorSystem.TrueColor } profile
        ? new(profile.Width, profile.Height, profile.Capabilities.ColorSystem == ColorSystem.TrueColor)
        : null;
}
