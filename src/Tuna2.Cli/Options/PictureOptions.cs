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
    private readonly Option<int?> _batch = NumberOptions.Integer("--batch", "How many of the pictures are stepped together, which takes more memory [default: 1, or that of --from]");
    private readonly Option<bool> _cutPrompt = new("--cut-prompt") { Description = "Cut a prompt that is too long, with a warning, instead of refusing it" };

    private readonly Option<int?> _preview = CommonOptions.Preview("the picture");
    private readonly bool _random;

    /// <summary>The options of one command.</summary>
    /// <param name="task">What it does to make pictures, as their parameters call it.</param>
    /// <param name="random">Whether there is something to draw: without, there are no options for seed, count and prompts.</param>
    /// <param name="hasSource">Whether it reads a picture.</param>
    public PictureOptions(string task, bool random, bool hasSource) => (From, _random, _size) = (new(task, "picture", "PNG, JPEG, WebP"), random, new(hasSource));

    /// <summary>--from.</summary>
    public RecipeOption From { get; }

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
            command.Add(_batch);
        }
        command.Add(_noiseScale);
        if (_random)
            command.Add(_cutPrompt);
        command.Add(_vaeTile);
        From.AddTo(command);
        command.Add(_preview);
    }

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
            Batch = parsed.GetValue(_batch) ?? basis.Batch,
            PreviewEvery = parsed.GetValue(_preview) ?? 0,
            OverlongPrompt = parsed.GetValue(_cutPrompt) ? OverlongPrompt.Cut : basis.OverlongPrompt,
        }, source);
    }
}
