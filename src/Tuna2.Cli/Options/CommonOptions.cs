using System.CommandLine;

namespace Tuna2.Cli.Options;

/// <summary>Options and arguments that look the same wherever they stand.</summary>
internal static class CommonOptions
{
    /// <summary>--json.</summary>
    public static Option<bool> Json() => new(CommandTree.JsonOption) { Description = "Print the result as one JSON value and nothing else; an error too" };

    /// <summary>A picture to read.</summary>
    public static Argument<string> Picture(string description) => new("IMAGE") { Description = description + " (PNG, JPEG, WebP, BMP or GIF)" };

    /// <summary>Text that must say something.</summary>
    public static Argument<string> Text(string name, string description)
    {
        var argument = new Argument<string>(name) { Description = description };
        argument.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var text }] && string.IsNullOrWhiteSpace(text))
                result.AddError($"{name} is empty");
        });
        return argument;
    }
}
