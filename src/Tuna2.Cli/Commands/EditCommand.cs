using System.CommandLine;
using Tuna2.Cli.Options;
using Tuna2.Cli.Output;

namespace Tuna2.Cli.Commands;

/// <summary>tuna2 edit: a picture changed as told.</summary>
internal sealed class EditCommand : TunaCommand
{
    private const string Task = "edit";

    private readonly Argument<string> _image = CommonOptions.Picture("The picture to change, scaled to cover the output size and cropped");
    private readonly Argument<string?> _instruction = CommonOptions.TextUnlessFrom("INSTRUCTION", "What to change");
    private readonly OutputOptions _output = new("tuna2-SEED");
    private readonly PictureOptions _picture = new(Task, random: true, hasSource: true);
    private readonly ModelOptions _model = new();
    private readonly Option<bool> _json = CommonOptions.Json();

    public EditCommand(CliConsole console) : base(Task, "Change a picture as told", console)
    {
        Examples =
        [
            "tuna2 edit circle.png \"make the circle green\"",
            "tuna2 edit circle.png \"change the background to yellow\" -o yellow.png --seed 3",
            "tuna2 edit photo.jpg \"make it night\" -m ~/models/tuna_2_pixel_7b --size source -o night.webp",
        ];
        Add(_image);
        Add(_instruction);
        _output.AddTo(this);
        _picture.AddTo(this);
        _picture.From.StandsInFor(_instruction, this);
        _model.AddTo(this);
        Add(_json);
    }

    /// <inheritdoc/>
    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var (config, json) = (_model.Config(parsed), parsed.GetValue(_json));
        var recipe = _picture.From.Read(parsed, Console, _model.Name(parsed));
        var instruction = _picture.From.Text(parsed, _instruction, recipe);
        var source = PictureInput.Load(Console, parsed.GetRequiredValue(_image));
        var options = _picture.Read(parsed, config, recipe, source);
        var told = PictureOptions.Check(options, config, Console);
        var output = _output.Open(parsed, Console, options, json);
        using var model = await _model.LoadAsync(parsed, Console, cancellation).ConfigureAwait(false);
        using var session = model.CreateSession();

        using var report = new PictureReport(Console, output, Task, json, told);
        await report.SaveEachAsync(session.EditEachAsync(source, instruction, options, report.Progress, cancellation)).ConfigureAwait(false);
        return ExitCode.Ok;
    }
}
