using System.CommandLine;

namespace Tuna2.Cli;

/// <summary>What the commands have, for whoever walks over them: completion, suggestions, help.</summary>
internal static class CommandTree
{
    /// <summary>The option every command has.</summary>
    public const string JsonOption = "--json";

    /// <summary>The options a command takes, those it has from above included.</summary>
    public static IEnumerable<Option> Options(Command command) =>
        command.Options.Concat(command.Parents.OfType<Command>().SelectMany(parent => parent.Options.Where(option => option.Recursive))).Where(option => !option.Hidden);

    /// <summary>How an option may be written, its name first; not the slashes of other systems.</summary>
    public static IEnumerable<string> Names(Option option) => option.Aliases.Prepend(option.Name).Where(name => name.StartsWith('-'));
}
