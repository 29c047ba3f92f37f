using System.CommandLine;
using Tuna2.Engine;
using Tuna2.Engine.Imaging;

namespace Tuna2.Cli.Options;

/// <summary>--from: a file that says how it was made.</summary>
/// <param name="task">What the command does, as parameters call it.</param>
/// <param name="made">What it makes: "picture", "clip".</param>
/// <param name="files">The files that say, for the description.</param>
internal sealed class RecipeOption(string task, string made, string files)
{
    private readonly Option<string?> _from = new("--from")
    {
        Description = $"A {made} ({files}) whose prompt, seed and settings are used; what is given besides goes before them",
        HelpName = made.ToUpperInvariant(),
    };

    public void AddTo(Command command) => command.Add(_from);

    /// <summary>Makes --from take the place of an argument: one of the two must be there, or the other option that says as much.</summary>
    public void StandsInFor(Argument<string?> text, Command command, Option? other = null) => command.Validators.Add(result =>
    {
        if (result.GetResult(text) is not { Tokens.Count: > 0 } && result.GetResult(_from) is null && (other is null || result.GetResult(other) is null))
            result.AddError($"{text.Name} is missing");
    });

    /// <summary>The text a command was given, or else that of --from.</summary>
    /// <exception cref="RequestException">The file of --from has none.</exception>
    public string Text(ParseResult parsed, Argument<string?> text, ImageRecipe? recipe) =>
        parsed.GetValue(text) ?? (string.IsNullOrWhiteSpace(recipe?.Prompt) ? throw new RequestException($"{parsed.GetValue(_from)}: the {made} was made without a prompt; {text.Name} is missing") : recipe.Prompt);

    /// <summary>What the file of --from says, with a word about what will differ; null without the option.</summary>
    /// <exception cref="ImageException">The file is missing, of another kind, or does not say.</exception>
    public ImageRecipe? Read(ParseResult parsed, CliConsole console, string model)
    {
        if (parsed.GetValue(_from) is not { } path)
            return null;
        var recipe = PictureInput.Recipe(console, path);
        foreach (var warning in recipe.Warnings)
            console.Warn(warning);
        if (recipe.Task is { } other && other != task)
            console.Warn($"{path} was made by '{other}', not '{task}'");
        if (recipe.Model is { } maker && maker != model)
            console.Warn($"{path} was made by the model {maker}, not {model}: the {made} will be another");
        return recipe;
    }
}
