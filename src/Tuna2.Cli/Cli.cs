using System.CommandLine;
using System.CommandLine.Completions;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using Tuna2.Cli.Commands;
using Tuna2.Cli.Completion;
using Tuna2.Engine;

namespace Tuna2.Cli;

/// <summary>The command line: parses, runs one command, and turns whatever goes wrong into one line and an exit code.</summary>
internal static class Cli
{
    /// <summary>When this environment variable is 1, errors come with their stack.</summary>
    public const string DebugVariable = "TUNA2_DEBUG";

    private const string Description =
        "Tuna-2 without Python: make, edit and reconstruct pictures, make clips, and ask about them.\n\n" +
        "Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped.\n" +
        "With --json the result is one JSON value, and so is an error: {\"error\": {\"kind\", \"message\", \"exit_code\"}}.";

    /// <summary>Runs one command line. Nothing is thrown: the exit code says how it ended.</summary>
    public static async Task<int> RunAsync(IReadOnlyList<string> args, CliConsole console, CancellationToken cancellation = default)
    {
        try
        {
            if (args.Count > 0 && args[0] == "help")
                args = [.. args.Skip(1), "--help"];
            // An argument that starts with @ is a prompt like any other, not a file of arguments.
            var parsed = CreateRoot(console).Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
            console.Json = args.TakeWhile(argument => argument != "--").Contains(CommandTree.JsonOption);
            var invocation = new InvocationConfiguration
            {
                Output = console.Out,
                Error = console.Error,
                EnableDefaultExceptionHandler = false,
                // Signals are the program's to watch: it passes them on through the token.
                ProcessTerminationTimeout = null,
            };
            if (parsed.Action is { ClearsParseErrors: true })
                return await parsed.InvokeAsync(invocation, cancellation).ConfigureAwait(false);
            if (args.Count == 0)
            {
                // Nothing was asked, so nothing is the result: the help goes where messages go.
                invocation.Output = console.Error;
                await CreateRoot(console).Parse(["--help"]).InvokeAsync(invocation, cancellation).ConfigureAwait(false);
                return ExitCode.Usage;
            }
            return UsageError(parsed, console) ?? await parsed.InvokeAsync(invocation, cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            console.Fail("cancelled", "cancelled", ExitCode.Cancelled);
            return ExitCode.Cancelled;
        }
        // The border of the program: what no command expected is still one line and an exit code.
#pragma warning disable CA1031
        catch (Exception e)
#pragma warning restore CA1031
        {
            var (kind, expected) = e switch
            {
                RequestException => ("usage", true),
                ModelException => ("model", true),
                ImageException => ("image", true),
                DeviceException or OutOfMemoryException => ("device", true),
                IOException or UnauthorizedAccessException => ("io", true),
                _ => ("internal", e is Tuna2Exception),
            };
            var code = e is RequestException ? ExitCode.Usage : ExitCode.Failure;
            console.Fail(e is OutOfMemoryException ? "not enough memory" : expected ? e.Message : $"unexpected {e.GetType().Name}: {e.Message}", kind, code);
            if (Environment.GetEnvironmentVariable(DebugVariable) == "1")
                await console.Error.WriteLineAsync(e.ToString()).ConfigureAwait(false);
            return code;
        }
    }

    /// <summary>All there is to call.</summary>
    public static RootCommand CreateRoot(CliConsole console)
    {
        var root = new RootCommand(Description)
        {
            HelpName = "tuna2",
        };
        root.Add(new DemoCommand(console));
        root.Add(new GenerateCommand(console));
        root.Add(new EditCommand(console));
        root.Add(new ReconstructCommand(console));
        root.Add(new VideoCommand(console));
        root.Add(new AskCommand(console));
        root.Add(new ChatCommand(console));
        root.Add(new InspectCommand(console));
        root.Add(new MakeRandomCommand(console));
        root.Add(new ParityCommand(console));
        root.Add(new KernelsCommand(console));
        root.Add(new TuneCommand(console));
        root.Add(new BenchCommand(console));
        root.Add(new ProveCommand(console));
        root.Add(new DevicesCommand(console));
        root.Add(new DoctorCommand(console));
        root.Add(new CompletionCommand(console));
        var help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExamples((HelpAction)help.Action!);
        root.Directives.OfType<SuggestDirective>().Single().Action = new SuggestAction(root);
        return root;
    }

    /// <summary>The first thing wrong with the arguments, and where to read how they go; null when nothing is.</summary>
    private static int? UsageError(ParseResult parsed, CliConsole console)
    {
        var command = parsed.CommandResult.Command;
        if (Message(parsed, command) is not { } message)
            return null;
        var name = command is RootCommand ? "tuna2" : $"tuna2 {command.Name}";
        console.Fail($"{message}{(message.EndsWith('?') ? " See" : "; see")} '{name} --help'", "usage", ExitCode.Usage, name);
        return ExitCode.Usage;
    }

    private static string? Message(ParseResult parsed, Command command)
    {
        if (command is RootCommand)
        {
            return parsed.UnmatchedTokens is not [var first, ..] ? parsed.Errors.Count > 0 ? "a command is missing" : null
                : IsOption(first) ? NoOption(first, command)
                : $"there is no command '{first}'{Nearest.DidYouMean(first, command.Subcommands.Select(sub => sub.Name))}";
        }
        // The parser takes an option it does not know for an argument where one is expected.
        var typo = parsed.Tokens.TakeWhile(token => token.Type != TokenType.DoubleDash).FirstOrDefault(token => IsOption(token.Value) && IsArgument(token))
            ?.Value ?? parsed.UnmatchedTokens.FirstOrDefault(IsOption);
        if (typo is not null)
            return NoOption(typo, command);
        if (parsed.UnmatchedTokens is [var extra, ..])
            return $"'{extra}' is one argument too many{(command.Arguments.Count > 0 ? "; text of several words goes in quotes" : "")}";
        if (parsed.Errors.Count == 0)
            return null;
        var missing = command.Arguments.FirstOrDefault(argument => argument.Arity.MinimumNumberOfValues > 0 && parsed.GetResult(argument) is not { Tokens.Count: > 0 });
        if (missing is not null)
            return $"{missing.Name} is missing";
        return parsed.Errors[0] is { SymbolResult: OptionResult { Tokens.Count: 0 } empty } ? $"{empty.Option.Name} needs a value" : parsed.Errors[0].Message.TrimEnd('.');

        bool IsArgument(Token token) => parsed.CommandResult.Children.OfType<ArgumentResult>().Any(result => result.Tokens.Any(other => ReferenceEquals(other, token)));
    }

    /// <summary>"--steps" and "-s", but neither "-" (standard input or output) nor "-5".</summary>
    private static bool IsOption(string text) => text.Length > 1 && text[0] == '-' && (text[1] == '-' || char.IsAsciiLetter(text[1])) && !text.Any(char.IsWhiteSpace);

    private static string NoOption(string typed, Command command)
    {
        var name = typed.Split('=')[0];
        var near = Nearest.DidYouMean(name, CommandTree.Options(command).SelectMany(option => CommandTree.Names(option)));
        return $"there is no option '{name}'{(near.Length > 0 ? near : "; text that starts with a dash goes behind --")}";
    }
}
