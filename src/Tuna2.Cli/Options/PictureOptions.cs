using System.CommandLine;
using Tuna2.Engine;

namespace Tuna2.Cli.Options;

/// <summary>How pictures are made: size, steps, guidance, noise. What is not given is the model's default.</summary>
internal sealed class PictureOptions
{
    private readonly Option<int?> _width = NumberOptions.Integer("--width", "Columns in pixels, a multiple of 16 [default: the model's]");
    private readonly Option<int?> _height = NumberOptions.Integer("--height", "Rows in pixels, a multiple of 16 [default: the model's]");
    private readonly Option<int?> _steps = NumberOptions.Integer("--steps", "Solver steps [default: the model's]");
    private readonly Option<float?> _guidance = NumberOptions.Number("--guidance", "Classifier-free guidance; 1 is none, and twice as fast [default: the model's]");
    private readonly Option<(float Low, float High)?> _interval = NumberOptions.Interval("--cfg-interval", "The times, 0 to 1, between which guidance is applied [default: 0 1]");
    private readonly Option<SamplerKind?> _sampler = ChoiceOptions.Choice(
        "--sampler", "The solver [default: the model's]", ("euler", SamplerKind.Euler), ("heun", SamplerKind.Heun));
    private readonly Option<float?> _noiseScale = NumberOptions.Number("--noise-scale", "Factor on the start state [default: the model's]");

    private readonly Option<long?> _seed = NumberOptions.Long("--seed", "Seed of the first picture; the next ones take the seeds after it");
    private readonly Option<string?> _negative = new("--negative") { Description = "What the picture should not be [default: the model's]", HelpName = "TEXT" };
    private readonly Option<int?> _count = NumberOptions.Integer("--count", "How many pictures [default: 1]");
    private readonly Option<bool> _cutPrompt = new("--cut-prompt") { Description = "Cut a prompt that is too long, with a warning, instead of refusing it" };

    private readonly bool _random;

    /// <summary>The options of one command.</summary>
    /// <param name="random">Whether there is something to draw: without, there are no options for seed, count and prompts.</param>
    public PictureOptions(bool random) => _random = random;

    public void AddTo(Command command)
    {
        command.Add(_width);
        command.Add(_height);
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
    }

    public ImageOptions Read(ParseResult parsed) => new()
    {
        Width = parsed.GetValue(_width),
        Height = parsed.GetValue(_height),
        Steps = parsed.GetValue(_steps),
        Guidance = parsed.GetValue(_guidance),
        GuidanceInterval = parsed.GetValue(_interval) ?? (0, 1),
        Sampler = parsed.GetValue(_sampler),
        NoiseScale = parsed.GetValue(_noiseScale),
        Seed = parsed.GetValue(_seed),
        NegativePrompt = parsed.GetValue(_negative),
        Count = parsed.GetValue(_count) ?? 1,
        OverlongPrompt = parsed.GetValue(_cutPrompt) ? OverlongPrompt.Cut : OverlongPrompt.Refuse,
    };
}
