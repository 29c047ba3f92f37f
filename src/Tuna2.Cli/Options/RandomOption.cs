using System.CommandLine;
using Tuna2.Engine;
using Tuna2.Engine.Weights;

namespace Tuna2.Cli.Options;

/// <summary>--random: weights of a known shape, made on the device, in place of a model.</summary>
internal sealed class RandomOption : Option<string?>
{
    private static readonly string[] _shapes = [.. WeightsManifest.Checkpoints.Select(c => c.Name)];

    public RandomOption() : base("--random")
    {
        Description = $"Random weights of a known shape, made on the device, in place of a model: {string.Join(", ", _shapes)}";
        HelpName = "SHAPE";
        CompletionSources.Add(_shapes);
        Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var name }] && !_shapes.Contains(name))
                result.AddError($"--random '{name}' is not one of {string.Join(", ", _shapes)}");
        });
    }

    /// <summary>The shape asked for; null where a model is.</summary>
    /// <exception cref="RequestException">Both are.</exception>
    public ManifestCheckpoint? Shape(ParseResult parsed, ModelOptions model)
    {
        if (parsed.GetValue(this) is not { } name)
            return null;
        return model.IsGiven(parsed) ? throw new RequestException("--random is in place of a model: leave one of it and --model out")
            : WeightsManifest.Checkpoints.Single(c => c.Name == name);
    }
}
