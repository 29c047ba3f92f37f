using System.CommandLine;

namespace Tuna2.Cli.Options;

/// <summary>Options that take one of a few words.</summary>
internal static class ChoiceOptions
{
    /// <summary>An option whose words stand for values; null when it is not given.</summary>
    public static Option<T?> Choice<T>(string name, string description, params (string Word, T Value)[] choices) where T : struct
    {
        var option = new Option<T?>(name)
        {
            Description = description,
            HelpName = string.Join('|', choices.Select(choice => choice.Word)),
            CustomParser = result =>
            {
                var word = result.Tokens[0].Value;
                foreach (var choice in choices)
                    if (choice.Word == word)
                        return choice.Value;
                result.AddError($"{name} '{word}' is not one of {string.Join(", ", choices.Select(choice => choice.Word))}");
                return null;
            },
        };
        option.CompletionSources.Clear(); // of an enum these are its C# names
        option.CompletionSources.Add([.. choices.Select(choice => choice.Word)]);
        return option;
    }
}
