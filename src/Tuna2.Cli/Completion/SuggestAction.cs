using System.CommandLine;
using System.CommandLine.Completions;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Tuna2.Cli.Completion;

/// <summary>
/// tuna2 "[suggest]" LINE, which shells call when the Tab key is pressed: what may stand at the end of the line (at N with
/// "[suggest:N]"), one a line, each followed by a tab and what it means. Nothing where any text may stand: shells then offer files.
/// </summary>
internal sealed class SuggestAction(RootCommand root) : SynchronousCommandLineAction
{
    /// <inheritdoc/>
    public override bool ClearsParseErrors => true;

    /// <inheritdoc/>
    public override int Invoke(ParseResult parseResult)
    {
        var line = parseResult.Tokens.LastOrDefault(token => token.Type != TokenType.Directive)?.Value ?? "";
        var directive = parseResult.GetResult(root.Directives.OfType<SuggestDirective>().Single());
        if (directive is { Values: [var position, ..] } && int.TryParse(position, NumberStyles.None, CultureInfo.InvariantCulture, out var end) && end < line.Length)
            line = line[..end];
        foreach (var item in Suggest(line))
            parseResult.InvocationConfiguration.Output.WriteLine(item.Detail is { Length: > 0 } detail ? $"{item.Label}\t{detail}" : item.Label);
        return ExitCode.Ok;
    }

    /// <summary>What may stand at the end of a line that begins with the program's name.</summary>
    private IEnumerable<CompletionItem> Suggest(string line)
    {
        var words = CommandLineParser.SplitCommandLine(line).Skip(1).ToList();
        var word = "";
        if (line.Length > 0 && !char.IsWhiteSpace(line[^1]) && words.Count > 0)
        {
            word = words[^1];
            words.RemoveAt(words.Count - 1);
        }

        Command command = root;
        Option? open = null; // the option whose value comes next
        var values = 0;
        var arguments = 0;
        var given = new HashSet<Option>();
        foreach (var previous in words)
        {
            if (open is not null && values > 0)
            {
                if (--values == 0)
                    open = null;
            }
            else if (CommandTree.Options(command).FirstOrDefault(option => CommandTree.Names(option).Contains(previous.Split('=')[0])) is { } option)
            {
                given.Add(option);
                values = previous.Contains('=') || option.ValueType == typeof(bool) ? 0 : option.Arity.MaximumNumberOfValues;
                open = values > 0 ? option : null;
            }
            else if (arguments == 0 && command.Subcommands.FirstOrDefault(sub => sub.Name == previous) is { } sub)
            {
                command = sub;
            }
            else
            {
                arguments++;
            }
        }

        if (open is not null)
            return Starting(word, Words(open.CompletionSources));
        if (word.IndexOf('=') is var equals and > 0 && CommandTree.Options(command).FirstOrDefault(option => CommandTree.Names(option).Contains(word[..equals])) is { } assigned)
            return Starting(word[(equals + 1)..], Words(assigned.CompletionSources)).Select(item => new CompletionItem($"{word[..equals]}={item.Label}", detail: item.Detail));
        if (word.StartsWith('-'))
        {
            return Starting(word, CommandTree.Options(command).Where(option => !given.Contains(option)).SelectMany(option =>
                CommandTree.Names(option).Select(name => new CompletionItem(name, detail: Cut(option.Description)))));
        }
        // An argument that takes several takes all that is left.
        var argument = arguments < command.Arguments.Count ? command.Arguments[arguments] : command.Arguments.LastOrDefault(last => last.Arity.MaximumNumberOfValues > 1);
        return Starting(word, arguments > 0 || command.Subcommands.Count == 0
            ? Words(argument?.CompletionSources ?? [])
            : command.Subcommands.Select(sub => new CompletionItem(sub.Name, detail: Cut(sub.Description))));
    }

    /// <summary>In the order they were given in, which GetCompletions would sort.</summary>
    private static IEnumerable<CompletionItem> Words(IEnumerable<Func<CompletionContext, IEnumerable<CompletionItem>>> sources) =>
        sources.SelectMany(source => source(CompletionContext.Empty));

    private static IEnumerable<CompletionItem> Starting(string word, IEnumerable<CompletionItem> items) =>
        items.Where(item => item.Label.StartsWith(word, StringComparison.Ordinal));

    /// <summary>A description as far as a menu has room for it.</summary>
    private static string Cut(string? description) => description is null ? "" : CliConsole.OneLine(description.Split(';', '[')[0]);
}
