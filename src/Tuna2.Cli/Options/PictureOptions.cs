using System.CommandLine;
using Tuna2.Engine;
using Tuna2.Engine.Imaging;
using Tuna2.Engine.Models;

namespace Tuna2.Cli.Options;

/// <summary>How pictures are made: size, steps, guidance, noise. What is not given is that of --from, or the model's default.</summary>
internal sealed class PictureOptions
{
    private readonly SizeOptions _size;
    private readonly Option<int?> _steps = NumberOptions.Integer("--steps", "Solver steps [default: the model's]");
    private readonly Option<float?> _guidance = NumberOptions.Number("--guidance", "Classifier-free guidance; 1 is none, and twice as fast [default: the model's]");
    private readonly Option<(float Low, float High)?> _interval = NumberOptions.Interval("--cfg-interval", "The times, 0 to 1, between which guidance is applied [default: 0 1]");
    private readonly Option<SamplerKind?> _sampler = ChoiceOptions.Choice(
        "--sampler", "The solver [default: the model's]", ("euler", SamplerKind.Euler), ("heun", SamplerKind.Heun));
    private readonly Option<float?> _noiseScale = NumberOptions.Number("--noise-scale", "Factor on the start state [default: the model's]");

    private readonly Option<int?> _vaeTile = CommonOptions.VaeTile();
    private readonly Option<long?> _seed = NumberOptions.Long("--seed", "Seed of the first picture; the next ones take the seeds after it");
    private readonly Option<string?> _negative = new("--negative") { Description = "What the picture should not be [default: the model's]", HelpName = "TEXT" };
    private readonly Option<int?> _count = NumberOptions.Integer("--count", "How many pictures, each written as soon as it is finished [default: 1]");
    private readonly Option<bool> _cutPrompt = new("--cut-prompt") { Description = "Cut a prompt that is too long, with a warning, instead of refusing it" };

    private readonly Option<int?> _preview = NumberOptions.Integer(
        "--preview", "Show the picture so far every N steps: drawn in a terminal, written beside the output as NAME-preview-STEP.png");
    private readonly Option<string?> _from = new("--from")
    {
        Description = "A picture (PNG, JPEG, WebP) whose prompt, seed and settings are used; what is given besides goes before them",
        HelpName = "PICTURE",
    };

    private readonly string _task;
    private readonly bool _random;

    /// <summary>The options of one command.</summary>
    /// <param name="task">What it does to make pictures, as their parameters call it.</param>
    /// <param name="random">Whether there is something to draw: without, there are no options for seed, count and prompts.</param>
    /// <param name="hasSource">Whether it reads a picture.</param>
    public PictureOptions(string task, bool random, bool hasSource) => (_task, _random, _size) = (task, random, new(hasSource));

    public void AddTo(Command command)
    {
        _size.AddTo(command);
        command.Add(_steps);
        command.Add(_guidance);
        command.Add(_interval);
        command.Add(_sampler);
        if (_random)
        {
            command.Add(_seed);
            command.Add(_negative);
            command.Add(_count);
        }
        command.Add(_noiseScale);
        if (_random)
            command.Add(_cutPrompt);
        command.Add(_vaeTile);
        command.Add(_from);
        command.Add(_preview);
    }

    /// <summary>Makes --from take the place of an argument: one of the two must be there.</summary>
    public void StandsInFor(Argument<string?> text, Command command) => command.Validators.Add(result =>
    {
        if (result.GetResult(text) is not { Tokens.Count: > 0 } && result.GetResult(_from) is null)
            result.AddError($"{text.Name} is missing");
    });

    /// <summary>The text a command was given, or else that of --from.</summary>
    /// <exception cref="RequestException">The picture of --from has none.</exception>
    public string Text(ParseResult parsed, Argument<string?> text, ImageRecipe? recipe) =>
        parsed.GetValue(text) ?? (string.IsNullOrWhiteSpace(recipe?.Prompt) ? throw new RequestException($"{parsed.GetValue(_from)}: the picture was made without a prompt; {text.Name} is missing") : recipe.Prompt);

    /// <summary>Checks the options before the model is loaded, and says what the user should know about them.</summary>
    /// <returns>What was said.</returns>
    /// <exception cref="RequestException">A value is out of range.</exception>
    public static IReadOnlyList<string> Check(ImageOptions options, ModelConfig config, CliConsole console)
    {
        var warnings = options.Validate(config);
        foreach (var warning in warnings)
            console.Warn(warning);
        return warnings;
    }

    /// <summary>What the picture of --from says, with a word about what will differ; null without the option.</summary>
    /// <exception cref="ImageException">The picture is missing, no picture, or does not say.</exception>
    public ImageRecipe? Recipe(ParseResult parsed, CliConsole console, string model)
    {
        if (parsed.GetValue(_from) is not { } path)
            return null;
        var recipe = PictureInput.Recipe(console, path);
        foreach (var warning in recipe.Warnings)
            console.Warn(warning);
        if (recipe.Task is { } task && task != _task)
            console.Warn($"{path} was made by '{task}', not '{_task}'");
        if (recipe.Model is { } other && other != model)
            console.Warn($"{path} was made by the model {other}, not {model}: the picture will be another");
        return recipe;
    }

    /// <summary>The options, not yet checked against the model's limits.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="config">The model.</param>
    /// <param name="recipe">What --from says.</param>
    /// <param name="source">The picture the command reads, if any.</param>
    /// <exception cref="RequestException">Two options contradict each other.</exception>
    public ImageOptions Read(ParseResult parsed, ModelConfig config, ImageRecipe? recipe, RgbImage? source = null)
    {
        var basis = recipe?.Options ?? new();
        return _size.Apply(parsed, config, basis with
        {
            Steps = parsed.GetValue(_steps) ?? basis.Steps,
            Guidance = parsed.GetValue(_guidance) ?? basis.Guidance,
            GuidanceInterval = parsed.GetValue(_interval) ?? basis.GuidanceInterval,
            Sampler = parsed.GetValue(_sampler) ?? basis.Sampler,
            NoiseScale = parsed.GetValue(_noiseScale) ?? basis.NoiseScale,
            // Another model may have no VAE to do it again with.
            VaeTile = parsed.GetValue(_vaeTile) ?? (config.Vae is null ? null : basis.VaeTile),
            Seed = parsed.GetValue(_seed) ?? basis.Seed,
            NegativePrompt = parsed.GetValue(_negative) ?? basis.NegativePrompt,
            Count = parsed.GetValue(_count) ?? 1,
            PreviewEvery = parsed.GetValue(_preview) ?? 0,
            OverlongPrompt = parsed.GetValue(_cutPrompt) ? OverlongPrompt.Cut : basis.OverlongPrompt,
        }, source);
    }
}
