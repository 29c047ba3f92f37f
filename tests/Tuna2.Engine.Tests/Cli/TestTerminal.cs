using Spectre.Console;

namespace Tuna2.Engine.Tests.Cli;

/// <summary>A terminal of a size that writes to a text.</summary>
internal sealed class TestTerminal(TextWriter writer, int width, int height) : IAnsiConsoleOutput
{
    public TextWriter Writer => writer;

    public bool IsTerminal => true;

    public int Width => width;

    public int Height => height;

    /// <summary>The terminal as Spectre.Console sees it; without colours, so that tests read text, unless there are to be pictures.</summary>
    public static IAnsiConsole On(
        TextWriter writer, int width = 80, int height = 24, AnsiSupport ansi = AnsiSupport.Yes, ColorSystemSupport colours = ColorSystemSupport.NoColors) => AnsiConsole.Create(new AnsiConsoleSettings
    {
        Out = new TestTerminal(writer, width, height),
        Ansi = ansi,
        ColorSystem = colours,
        Interactive = InteractionSupport.Yes,
        Enrichment = new ProfileEnrichment { UseDefaultEnrichers = false },
    });

    public void SetEncoding(System.Text.Encoding encoding) { }
}
