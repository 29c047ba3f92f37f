using System.CommandLine;
using Tuna2.Cli.Options;
using Tuna2.Cli.Output;
using Tuna2.Engine;
using Tuna2.Engine.Imaging;

namespace Tuna2.Cli.Commands;

/// <summary>tuna2 reconstruct: a picture drawn again from what the model sees of it, and how near it comes.</summary>
internal sealed class ReconstructCommand : TunaCommand
{
    private readonly Argument<string> _image = CommonOptions.Picture("The picture to draw again, scaled to cover the output size and cropped");
    private readonly Option<string?> _output = PictureOutput.CreateOption("tuna2-reconstruct.png");
    private readonly PictureOptions _picture = new(random: false);
    private readonly ModelOptions _model = new();
    private readonly Option<bool> _json = CommonOptions.Json();

    public ReconstructCommand(CliConsole console)
        : base("reconstruct", "Draw a picture again from what the model sees of it; prints PSNR and SSIM against the cropped source", console)
    {
        Examples =
        [
            "tuna2 reconstruct circle.png",
            "tuna2 reconstruct photo.jpg -m ~/models/tuna_2_pixel_7b -o again.png --json",
        ];
        Add(_image);
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
        var output = PictureOutput.Open(parsed.GetValue(_output), count: 1);
        using var model = await _model.LoadAsync(parsed, Console, cancellation).ConfigureAwait(false);
        using var session = model.CreateSession();

        var report = new PictureReport(Console, parsed.GetValue(_json));
        GeneratedImage made;
        using (var progress = new ProgressLine(Console))
            made = await session.ReconstructAsync(source, options, progress, cancellation).ConfigureAwait(false);
        report.Made([made]);
        var seen = CoverCrop.Apply(source, made.Image.Width, made.Image.Height);
        report.Save(output, new Quality(ImageQuality.Psnr(made.Image, seen), ImageQuality.Ssim(made.Image, seen)));
        return ExitCode.Ok;
    }
}
