using System.CommandLine;
using Tuna2.Cli.Options;
using Tuna2.Cli.Output;
using Tuna2.Engine.Imaging;

namespace Tuna2.Cli.Commands;

/// <summary>tuna2 reconstruct: a picture drawn again from what the model sees of it, and how near it comes.</summary>
internal sealed class ReconstructCommand : TunaCommand
{
    private const string Task = "reconstruct";

    private readonly Argument<string> _image = CommonOptions.Picture("The picture to draw again, scaled to cover the output size and cropped");
    private readonly OutputOptions _output = new("tuna2-reconstruct");
    private readonly PictureOptions _picture = new(Task, random: false, hasSource: true);
    private readonly ModelOptions _model = new();
    private readonly Option<bool> _json = CommonOptions.Json();

    public ReconstructCommand(CliConsole console)
        : base(Task, "Draw a picture again from what the model sees of it; prints PSNR and SSIM against the cropped source", console)
    {
        Examples =
        [
            "tuna2 reconstruct circle.png",
            "tuna2 reconstruct photo.jpg -m ~/models/tuna_2_pixel_7b -o again.png --json",
        ];
        Add(_image);
        _output.AddTo(this);
        _picture.AddTo(this);
        _model.AddTo(this);
        Add(_json);
    }

    /// <inheritdoc/>
    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var (config, json) = (_model.Config(parsed), parsed.GetValue(_json));
        var recipe = _picture.From.Read(parsed, Console, _model.Name(parsed));
        var source = PictureInput.Load(Console, parsed.GetRequiredValue(_image));
        var options = _picture.Read(parsed, config, recipe, source);
        var told = PictureOptions.Check(options, config, Console);
        var output = _output.Open(parsed, Console, options, json);
        using var model = await _model.LoadAsync(parsed, Console, cancellation).ConfigureAwait(false);
        using var session = model.CreateSession();

        using var report = new PictureReport(Console, output, Task, json, told);
        var made = await session.ReconstructAsync(source, options, report.Progress, cancellation).ConfigureAwait(false);
        report.Save(made);
        var seen = CoverCrop.Apply(source, made.Image.Width, made.Image.Height);
        report.Write(new Quality(ImageQuality.Psnr(made.Image, seen), ImageQuality.Ssim(made.Image, seen)));
        return ExitCode.Ok;
    }
}
