using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Tuna2.Cli.Options;
using Tuna2.Cli.Output;
using Tuna2.Engine;
using Tuna2.Engine.Models;

namespace Tuna2.Cli.Commands;

/// <summary>tuna2 video: a clip from text.</summary>
internal sealed class VideoCommand : TunaCommand
{
    private const string Task = "video";

    private readonly Argument<string?> _prompt = CommonOptions.TextUnlessFrom("PROMPT", "What to film");
    private readonly VideoOutputOptions _output = new();
    private readonly Option<int?> _frames = NumberOptions.Integer("--frames", "Frames of the clip: 5, 9, 13, ... [default: the model's, 49]");
    private readonly Option<float?> _rate = NumberOptions.Number("--fps", "Frames per second it is shown at [default: 16]");
    private readonly SizeOptions _size = new(hasSource: false);
    private readonly Option<int?> _steps = NumberOptions.Integer("--steps", "Solver steps [default: the model's]");
    private readonly Option<float?> _guidance = NumberOptions.Number("--guidance", "Classifier-free guidance; 1 is none, and twice as fast [default: the model's, 6]");
    private readonly Option<(float Low, float High)?> _interval = NumberOptions.Interval("--cfg-interval", "The times, 0 to 1, between which guidance is applied [default: 0 1]");
    private readonly Option<SamplerKind?> _sampler = ChoiceOptions.Choice("--sampler", "The solver [default: the model's]", ("euler", SamplerKind.Euler), ("heun", SamplerKind.Heun));
    private readonly Option<long?> _seed = NumberOptions.Long("--seed", "Seed of the noise [default: 42]");
    private readonly Option<string?> _negative = new("--negative") { Description = "What the clip should not be [default: the model's, none]", HelpName = "TEXT" };
    private readonly Option<bool> _cutPrompt = new("--cut-prompt") { Description = "Cut a prompt that is too long, with a warning, instead of refusing it" };
    private readonly Option<int?> _vaeTile = CommonOptions.VaeTile();
    private readonly RecipeOption _from = new(Task, "clip", "animated PNG or WebP; MP4, which takes ffprobe");
    private readonly Option<int?> _preview = CommonOptions.Preview("the clip's first frame");
    private readonly ModelOptions _model = new();
    private readonly Option<bool> _json = CommonOptions.Json();

    public VideoCommand(CliConsole console) : base(Task, "Make a clip from text, with a model of variant tuna", console)
    {
        Examples =
        [
            "tuna2 video \"a cat walking on the beach at sunset\" -m ~/models/tuna_2b_video -o cat.mp4",
            "tuna2 video \"waves\" -m ~/models/tuna_2b_video --size 384x672 --frames 13 --fps 8 -o waves.webp",
            "tuna2 video \"a storm at sea\" -m ~/models/tuna_2b_video --size 1344x768 --vae-tile 256 -o storm.mp4",
            "tuna2 video \"rain on a window\" -m ~/models/tuna_2b_video --seed 7 -o - > rain.png",
            "tuna2 video --from waves.webp -m ~/models/tuna_2b_video --seed 8 --preview 10 -o more-waves.webp",
        ];
        Add(_prompt);
        _output.AddTo(this);
        Add(_frames);
        Add(_rate);
        _size.AddTo(this);
        Add(_steps);
        Add(_guidance);
        Add(_interval);
        Add(_sampler);
        Add(_seed);
        Add(_negative);
        Add(_cutPrompt);
        Add(_vaeTile);
        _from.AddTo(this);
        _from.StandsInFor(_prompt, this);
        Add(_preview);
        _model.AddTo(this);
        Add(_json);
    }

    /// <inheritdoc/>
    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var (config, json) = (_model.Config(parsed), parsed.GetValue(_json));
        var recipe = _from.Read(parsed, Console, _model.Name(parsed));
        var prompt = _from.Text(parsed, _prompt, recipe);
        var options = Read(parsed, config, recipe);
        var told = options.Validate(config);
        foreach (var warning in told)
            Console.Warn(warning);
        var output = _output.Open(parsed, Console, options.PreviewEvery > 0, json);
        using var model = await _model.LoadAsync(parsed, Console, cancellation).ConfigureAwait(false);
        using var session = model.CreateSession();

        var watch = Stopwatch.StartNew();
        using var progress = new PictureProgress(Console, output.IsStream ? null : output.PreviewPath);
        var video = await session.GenerateVideoAsync(prompt, options, progress, cancellation).ConfigureAwait(false);
        var path = output.Save(video, cancellation);
        progress.Finished(video.Clip.Frames[0]);
        progress.Dispose();
        foreach (var warning in video.Warnings.Except(told))
            Console.Warn(warning);
        Report(video, path, progress.PreviewsOf(0), watch.Elapsed.TotalSeconds, json);
        return ExitCode.Ok;
    }

    private VideoOptions Read(ParseResult parsed, ModelConfig config, ImageRecipe? recipe)
    {
        var basis = recipe?.ToVideoOptions() ?? new();
        var size = _size.Apply(parsed, config, new() { Width = basis.Width ?? config.Defaults.Video?.Width, Height = basis.Height ?? config.Defaults.Video?.Height }, null);
        return basis with
        {
            Width = size.Width,
            Height = size.Height,
            Frames = parsed.GetValue(_frames) ?? basis.Frames,
            FramesPerSecond = parsed.GetValue(_rate) ?? basis.FramesPerSecond,
            Steps = parsed.GetValue(_steps) ?? basis.Steps,
            Guidance = parsed.GetValue(_guidance) ?? basis.Guidance,
            GuidanceInterval = parsed.GetValue(_interval) ?? basis.GuidanceInterval,
            Sampler = parsed.GetValue(_sampler) ?? basis.Sampler,
            Seed = parsed.GetValue(_seed) ?? basis.Seed,
            NegativePrompt = parsed.GetValue(_negative) ?? basis.NegativePrompt,
            PreviewEvery = parsed.GetValue(_preview) ?? 0,
            VaeTile = parsed.GetValue(_vaeTile) ?? basis.VaeTile,
            OverlongPrompt = parsed.GetValue(_cutPrompt) ? OverlongPrompt.Cut : basis.OverlongPrompt,
        };
    }

    private void Report(GeneratedVideo video, string path, IReadOnlyList<string> previews, double seconds, bool json)
    {
        var p = video.Parameters;
        if (!json)
        {
            (path == "standard output" ? Console.Error : Console.Out).WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"wrote {path} ({video.Clip.Frames.Count} frames of {p.Width}x{p.Height}, {video.Clip.FramesPerSecond:0.###} a second, {p.Steps} steps, seed {p.Seed}, {Duration.Text(seconds)})"));
            return;
        }
        Console.WriteJson(writer =>
        {
            writer.WriteStartObject();
            writer.WriteString("path", path);
            writer.WritePropertyName("parameters");
            p.WriteTo(writer);
            writer.WriteNumber("frames", video.Clip.Frames.Count);
            writer.WriteNumber("frames_per_second", video.Clip.FramesPerSecond);
            writer.WriteTexts("warnings", video.Warnings);
            writer.WriteTexts("previews", previews);
            writer.WriteNumber("seconds", Math.Round(seconds, 3));
            writer.WriteEndObject();
        });
    }
}
