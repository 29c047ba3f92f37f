using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Tuna2.Cli.Options;

/// <summary>
/// Options that take numbers, read the same way in every country: a point before the decimals, no group separators, and
/// nothing that is not a number. What range makes sense is the engine's to say.
/// </summary>
internal static class NumberOptions
{
    /// <summary>A whole number that fits an int.</summary>
    public static Option<int?> Integer(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "N",
        CustomParser = result => int.TryParse(result.Tokens[0].Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
            ? value
            : Refuse<int?>(result, name, result.Tokens[0].Value, Whole(result.Tokens[0].Value)),
    };

    /// <summary>A whole number that fits a long.</summary>
    public static Option<long?> Long(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "N",
        CustomParser = result => long.TryParse(result.Tokens[0].Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
            ? value
            : Refuse<long?>(result, name, result.Tokens[0].Value, Whole(result.Tokens[0].Value)),
    };

    /// <summary>A finite number.</summary>
    public static Option<float?> Number(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "X",
        CustomParser = result => TryNumber(result.Tokens[0].Value, out var value) ? value : Refuse<float?>(result, name, result.Tokens[0].Value, "a number"),
    };

    /// <summary>Two finite numbers, one after the other.</summary>
    public static Option<(float Low, float High)?> Interval(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "LO HI",
        Arity = new ArgumentArity(2, 2),
        AllowMultipleArgumentsPerToken = true,
        CustomParser = result =>
        {
            if (result.Tokens is not [var low, var high])
                return Refuse<(float, float)?>(result, name, string.Join(' ', result.Tokens.Select(token => token.Value)), "two numbers, low and high");
            if (!TryNumber(low.Value, out var first))
                return Refuse<(float, float)?>(result, name, low.Value, "a number");
            return TryNumber(high.Value, out var second) ? (first, second) : Refuse<(float, float)?>(result, name, high.Value, "a number");
        },
    };

    /// <summary>What was expected: a number too long to hold is one all the same.</summary>
    private static string Whole(string text) =>
        text.AsSpan().TrimStart("+-").ContainsAnyExceptInRange('0', '9') || text.Length == 0 ? "a whole number" : "within range";

    private static bool TryNumber(string text, out float value) =>
        float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && float.IsFinite(value);

    private static T? Refuse<T>(ArgumentResult result, string name, string text, string expected)
    {
        result.AddError($"{name} '{text}' is not {expected}");
        return default;
    }
}
