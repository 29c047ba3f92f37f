using System.CommandLine;
using Tuna2.Cli.Options;
using Tuna2.Cli.Output;
using Tuna2.Engine.Imaging;

namespace Tuna2.Cli.Commands;

/// <summary>tuna2 edit: a picture changed as told.</summary>
internal sealed class EditCommand : TunaCommand
{
    private readonly Argument<string> _image = CommonOptions.Picture("The picture to change, scaled to cover the output size and cropped");
    private readonly Argument<string> _instruction = CommonOptions.Text("INSTRUCTION", "What to change");
    private readonly Option<string?> _output = PictureOutput.CreateOption("tuna2-SEED.png");
    private readonly PictureOptions _picture = new(random: true);
    private readonly ModelOptions _model = new();
    private readonly Option<bool> _json = CommonOptions.Json();

    public EditCommand(CliConsole console) : base("edit", "Change a picture as told", console)
    {
        Examples =
        [
            "tuna2 edit circle.png \"make the circle green\"",
            "tuna2 edit circle.png \"change the background to yellow\" -o yellow.png --seed 3",
        ];
        Add(_image);
        Add(_instruction);
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
        var source = RgbImage.Load(parsed.GetRequiredValue(_image));
        var output = PictureOutput.Open(parsed.GetValue(_output), options.Count);
        using var model = await _model.LoadAsync(parsed, Console, cancellation).ConfigureAwait(false);
        using var session = model.CreateSession();

        var report = new PictureReport(Console, parsed.GetValue(_json));
        using (var progress = new ProgressLine(Console))
            report.Made(await session.EditAsync(source, parsed.GetRequiredValue(_instruction), options, progress, cancellation).ConfigureAwait(false));
        report.Save(output);
        return ExitCode.Ok;
    }
}
