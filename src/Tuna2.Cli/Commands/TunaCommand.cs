using System.CommandLine;

namespace Tuna2.Cli.Commands;

/// <summary>A command of tuna2: what it takes, how it is called, and what it does.</summary>
internal abstract class TunaCommand : Command
{
    protected TunaCommand(string name, string description, CliConsole console) : base(name, description)
    {
        Console = console;
        SetAction(RunAsync);
    }

    /// <summary>What it understands while it runs, shown in its help; empty for most.</summary>
    public IReadOnlyList<string> SpokenTo { get; protected init; } = [];

    /// <summary>Command lines shown at the end of its help.</summary>
    public IReadOnlyList<string> Examples { get; protected init; } = [];

    protected CliConsole Console { get; }

    /// <summary>Does what the arguments say.</summary>
    /// <returns>The exit code.</returns>
    protected abstract Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation);
}
