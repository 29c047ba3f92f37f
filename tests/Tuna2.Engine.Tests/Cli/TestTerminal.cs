using Spectre.Console;

namespace Tuna2.Engine.Tests.Cli;

/// <summary>A terminal of a size that writes to a text.</summary>
internal sealed class TestTerminal(TextWriter writer, int width = 80) : IAnsiConsoleOutput
{
    public TextWriter Writer => writer;

    public bool IsTerminal => true;

    public int Width => width;

    public int Height => 24;

    /// <summary>The terminal as Spectre.Console sees it: no colours, so that tests read text.</summary>
    public static IAnsiConsole On(TextWriter writer, int width = 80, AnsiSupport ansi = AnsiSupport.Yes) => AnsiConsole.Create(new AnsiConsoleSettings
    {
        Out = new TestTerminal(writer, width),
        Ansi = ansi,
        ColorSystem = ColorSystemSupport.NoColors,
        Interactive = InteractionSupport.Yes,
        Enrichment = new ProfileEnrichment { UseDefaultEnrichers = false },
    });

    public void SetEncoding(System.Text.Encoding encoding) { }
}
