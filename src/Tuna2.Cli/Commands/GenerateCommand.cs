using System.CommandLine;
using Tuna2.Cli.Options;
using Tuna2.Cli.Output;

namespace Tuna2.Cli.Commands;

/// <summary>tuna2 generate: pictures from text.</summary>
internal sealed class GenerateCommand : TunaCommand
{
    private const string Task = "generate";

    private readonly Argument<string?> _prompt = CommonOptions.TextUnlessFrom("PROMPT", "What to draw");
    private readonly PromptsOption _prompts = new();
    private readonly OutputOptions _output = new("tuna2-SEED");
    private readonly PictureOptions _picture = new(Task, random: true, hasSource: false);
    private readonly ModelOptions _model = new();
    private readonly Option<bool> _json = CommonOptions.Json();

    public GenerateCommand(CliConsole console) : base(Task, "Make pictures from text", console)
    {
        Examples =
        [
            "tuna2 generate \"a large red circle on a blue background\" -o circle.png",
            "tuna2 generate \"a green square on a white background\" -o square.png --seed 7 --steps 50",
            "tuna2 generate \"a yellow triangle on a black background\" --count 4 -o 'triangle-{i}.png'",
            "tuna2 generate --prompts prompts.txt --batch 4 -o 'picture-{i}.webp'",
            "tuna2 generate \"a lighthouse in a storm\" -m ~/models/tuna_2_pixel_7b --size 16:9 -o storm.jpg",
            "tuna2 generate --from square.png --guidance 4 -o again.png",
            "tuna2 generate \"a blue circle on a red background\" --preview 5 -o - | display",
        ];
        Add(_prompt);
        _prompts.AddTo(this);
        _output.AddTo(this);
        _picture.AddTo(this);
        _picture.From.StandsInFor(_prompt, this, _prompts.Option);
        _model.AddTo(this);
        Add(_json);
    }

    /// <inheritdoc/>
    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var (config, json) = (_model.Config(parsed), parsed.GetValue(_json));
        var recipe = _picture.From.Read(parsed, Console, _model.Name(parsed));
        var prompts = _prompts.Read(parsed, Console, _prompt) ?? [_picture.From.Text(parsed, _prompt, recipe)];
        var options = _picture.Read(parsed, config, recipe);
        var told = PictureOptions.Check(options, config, Console);
        var output = _output.Open(parsed, Console, options, json, prompts.Count);
        using var model = await _model.LoadAsync(parsed, Console, cancellation).ConfigureAwait(false);
        using var session = model.CreateSession();

        using var report = new PictureReport(Console, output, Task, json, told);
        await report.SaveEachAsync(session.GenerateEachAsync(prompts, options, report.Progress, cancellation)).ConfigureAwait(false);
        return ExitCode.Ok;
    }
}
