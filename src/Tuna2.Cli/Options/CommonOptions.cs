using System.CommandLine;
using System.CommandLine.Parsing;
using Tuna2.Engine;

namespace Tuna2.Cli.Options;

/// <summary>Options and arguments that look the same wherever they stand.</summary>
internal static class CommonOptions
{
    /// <summary>--json.</summary>
    public static Option<bool> Json() => new(CommandTree.JsonOption) { Description = "Print the result as one JSON value and nothing else; an error too" };

    /// <summary>A picture to read.</summary>
    public static Argument<string> Picture(string description) => new("IMAGE") { Description = description + " (PNG, JPEG, WebP, BMP or GIF; - for standard input)" };

    /// <summary>--weights.</summary>
    public static Option<WeightFormat?> Weights(string description) => ChoiceOptions.Choice(
        "--weights", $"{description} [default: stored]", [.. Enum.GetValues<WeightFormat>().Select(format => (format.Name(), format))]);

    /// <summary>--vae-tile.</summary>
    public static Option<int?> VaeTile() => NumberOptions.Integer(
        "--vae-tile", "Of variant tuna: have the VAE take tiles of N pixels a side, a multiple of 16 from 64 on, with blended seams: less memory, slightly other pixels [default: whole]");

    /// <summary>Text that must say something.</summary>
    public static Argument<string> Text(string name, string description)
    {
        var argument = new Argument<string>(name) { Description = description };
        argument.Validators.Add(result => RefuseEmpty(result, name));
        return argument;
    }

    /// <summary>Text that must say something, unless --from says it.</summary>
    public static Argument<string?> TextUnlessFrom(string name, string description)
    {
        var argument = new Argument<string?>(name) { Description = $"{description}; that of --from when it is left out", Arity = ArgumentArity.ZeroOrOne };
        argument.Validators.Add(result => RefuseEmpty(result, name));
        return argument;
    }

    /// <summary>--preview.</summary>
    public static Option<int?> Preview(string what) => NumberOptions.Integer(
        "--preview", $"Show {what} so far every N steps: drawn in a terminal, written beside the output as NAME-preview-STEP.png");

    private static void RefuseEmpty(ArgumentResult result, string name)
    {
        if (result.Tokens is [{ Value: var text }] && string.IsNullOrWhiteSpace(text))
            result.AddError($"{name} is empty");
    }
}
