using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using Tuna2.Cli.Commands;
using Tuna2.Engine;

namespace Tuna2.Cli;

/// <summary>The command line: parses, runs one command, and turns whatever goes wrong into one line and an exit code.</summary>
internal static class Cli
{
    /// <summary>When this environment variable is 1, errors come with their stack.</summary>
    public const string DebugVariable = "TUNA2_DEBUG";

    private const string Description =
        "Tuna-2 without Python: make, edit and reconstruct pictures, and ask about them.\n\n" +
        "Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped.";

    /// <summary>Runs one command line. Nothing is thrown: the exit code says how it ended.</summary>
    public static async Task<int> RunAsync(IReadOnlyList<string> args, CliConsole console, CancellationToken cancellation = default)
    {
        try
        {
            // An argument that starts with @ is a prompt like any other, not a file of arguments.
            var parsed = CreateRoot(console).Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
            if (parsed.Errors.Count > 0 && parsed.Action is not { ClearsParseErrors: true })
                return UsageError(parsed, console);
            var invocation = new InvocationConfiguration
            {
                Output = console.Out,
                Error = console.Error,
                EnableDefaultExceptionHandler = false,
                // Signals are the program's to watch: it passes them on through the token.
                ProcessTerminationTimeout = null,
            };
            return await parsed.InvokeAsync(invocation, cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            console.Fail("cancelled");
            return ExitCode.Cancelled;
        }
        // The border of the program: what no command expected is still one line and an exit code.
#pragma warning disable CA1031
        catch (Exception e)
#pragma warning restore CA1031
        {
            console.Fail(e switch
            {
                Tuna2Exception or IOException or UnauthorizedAccessException => e.Message,
                OutOfMemoryException => "not enough memory",
                _ => $"unexpected {e.GetType().Name}: {e.Message}",
            });
            if (Environment.GetEnvironmentVariable(DebugVariable) == "1")
                await console.Error.WriteLineAsync(e.ToString()).ConfigureAwait(false);
            return e is RequestException ? ExitCode.Usage : ExitCode.Failure;
        }
    }

    private static RootCommand CreateRoot(CliConsole console)
    {
        var root = new RootCommand(Description)
        {
            HelpName = "tuna2",
        };
        root.Add(new DemoCommand(console));
        root.Add(new GenerateCommand(console));
        root.Add(new EditCommand(console));
        root.Add(new ReconstructCommand(console));
        root.Add(new AskCommand(console));
        root.Add(new InspectCommand(console));
        root.Add(new MakeRandomCommand(console));
        root.Add(new ParityCommand(console));
        root.Add(new KernelsCommand(console));
        root.Add(new TuneCommand(console));
        root.Add(new BenchCommand(console));
        var help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExamples((HelpAction)help.Action!);
        return root;
    }

    /// <summary>The first thing wrong with the arguments, and where to read how they go.</summary>
    private static int UsageError(ParseResult parsed, CliConsole console)
    {
        var command = parsed.CommandResult.Command;
        var name = command is RootCommand ? "tuna2" : $"tuna2 {command.Name}";
        console.Error.WriteLine($"{name}: {CliConsole.OneLine(Message(parsed, command))}; see '{name} --help'");
        return ExitCode.Usage;
    }

    private static string Message(ParseResult parsed, Command command)
    {
        if (parsed.UnmatchedTokens is [var extra, ..])
            return command is RootCommand ? $"there is no command '{extra}'"
                : extra.StartsWith('-') ? $"there is no option '{extra}'"
                : $"'{extra}' is one argument too many; text of several words goes in quotes";
        if (command is RootCommand)
            return "a command is missing";
        var missing = command.Arguments.FirstOrDefault(argument => argument.Arity.MinimumNumberOfValues > 0 && parsed.GetResult(argument) is not { Tokens.Count: > 0 });
        if (missing is not null)
            return $"{missing.Name} is missing";
        return parsed.Errors[0] is { SymbolResult: OptionResult { Tokens.Count: 0 } empty } ? $"{empty.Option.Name} needs a value" : parsed.Errors[0].Message.TrimEnd('.');
    }
}
