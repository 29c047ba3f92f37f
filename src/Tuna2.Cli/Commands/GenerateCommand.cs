using System.CommandLine;
using Tuna2.Cli.Options;
using Tuna2.Cli.Output;

namespace Tuna2.Cli.Commands;

/// <summary>tuna2 generate: pictures from text.</summary>
internal sealed class GenerateCommand : TunaCommand
{
    private readonly Argument<string> _prompt = CommonOptions.Text("PROMPT", "What to draw");
    private readonly Option<string?> _output = PictureOutput.CreateOption("tuna2-SEED.png");
    private readonly PictureOptions _picture = new(random: true);
    private readonly ModelOptions _model = new();
    private readonly Option<bool> _json = CommonOptions.Json();

    public GenerateCommand(CliConsole console) : base("generate", "Make pictures from text", console)
    {
        Examples =
        [
            "tuna2 generate \"a large red circle on a blue background\" -o circle.png",
            "tuna2 generate \"a green square on a white background\" -o square.png --seed 7 --steps 50",
            "tuna2 generate \"a yellow triangle on a black background\" --count 4 -o 'triangle-{i}.png'",
            "tuna2 generate \"a lighthouse in a storm\" -m ~/models/tuna_2_pixel_7b --width 768 --height 512",
        ];
        Add(_prompt);
        Add(_output);
        _picture.AddTo(this);
        _model.AddTo(this);
        Add(_json);
    }

    /// <inheritdoc/>
    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var options = _picture.Read(parsed);
        options.Validate(_model.Config(parsed));
        var output = PictureOutput.Open(parsed.GetValue(_output), options.Count);
        using var model = await _model.LoadAsync(parsed, Console, cancellation).ConfigureAwait(false);
        using var session = model.CreateSession();

        var report = new PictureReport(Console, parsed.GetValue(_json));
        using (var progress = new ProgressLine(Console))
            report.Made(await session.GenerateAsync(parsed.GetRequiredValue(_prompt), options, progress, cancellation).ConfigureAwait(false));
        report.Save(output);
        return ExitCode.Ok;
    }
}
