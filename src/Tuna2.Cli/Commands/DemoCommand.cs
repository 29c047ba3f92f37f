using System.CommandLine;
using System.Globalization;
using Tuna2.Cli.Options;
using Tuna2.Cli.Output;
using Tuna2.Engine;
using Tuna2.Engine.Imaging;

namespace Tuna2.Cli.Commands;

/// <summary>tuna2 demo: everything a model does, once: draw a prompt, then ask about a picture, change it and draw it again.</summary>
internal sealed class DemoCommand : TunaCommand
{
    private const string DefaultPrompt = "a large red circle on a blue background";
    private const string Question = "Describe the image in detail.";
    private const string Instruction = "change the background to yellow";

    private readonly Argument<string?> _prompt = new("PROMPT") { Description = $"What to draw [default: {DefaultPrompt}]", Arity = ArgumentArity.ZeroOrOne };
    private readonly Argument<string?> _image = new("IMAGE") { Description = "The picture to ask about, change and draw again [default: the one drawn]", Arity = ArgumentArity.ZeroOrOne };
    private readonly Option<string> _output = new("--output", "-o") { Description = "The folder to write the pictures in [default: tuna2-demo]", HelpName = "DIR", DefaultValueFactory = _ => "tuna2-demo" };
    private readonly ModelOptions _model = new();

    public DemoCommand(CliConsole console) : base("demo", "Draw a prompt, then ask about a picture, change it and draw it again", console)
    {
        Examples =
        [
            "tuna2 demo",
            "tuna2 demo \"a green triangle above a purple square on a white background\" -o shapes",
            "tuna2 demo \"a lighthouse in a storm\" photo.jpg -m ~/models/tuna_2_pixel_7b",
        ];
        Add(_prompt);
        Add(_image);
        Add(_output);
        _model.AddTo(this);
    }

    /// <inheritdoc/>
    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var given = parsed.GetValue(_image) is { } path ? PictureInput.Load(Console, path) : null;
        var folder = parsed.GetRequiredValue(_output);
        if (File.Exists(folder))
            throw new ImageException($"cannot write in {folder}: it is a file, not a folder");
        Directory.CreateDirectory(folder);
        using var model = await _model.LoadAsync(parsed, Console, cancellation).ConfigureAwait(false);
        using var session = model.CreateSession();

        var prompt = parsed.GetValue(_prompt) ?? DefaultPrompt;
        Console.Out.WriteLine($"generate     {prompt}");
        var drawn = await WithProgress(p => session.GenerateAsync(prompt, null, p, cancellation)).ConfigureAwait(false);
        Save(drawn[0], "generated.png");

        var picture = given ?? drawn[0].Image;
        Console.Out.WriteLine($"ask          {Question}");
        await Console.Out.WriteAsync("             ").ConfigureAwait(false);
        await foreach (var piece in session.AskAsync(picture, Question, null, cancellation).ConfigureAwait(false))
            await Console.Out.WriteAsync(piece).ConfigureAwait(false);
        await Console.Out.WriteLineAsync().ConfigureAwait(false);

        Console.Out.WriteLine($"edit         {Instruction}");
        Save((await WithProgress(p => session.EditAsync(picture, Instruction, null, p, cancellation)).ConfigureAwait(false))[0], "edited.png");

        var again = await WithProgress(p => session.ReconstructAsync(picture, null, p, cancellation)).ConfigureAwait(false);
        var seen = CoverCrop.Apply(picture, again.Image.Width, again.Image.Height);
        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"reconstruct  PSNR {ImageQuality.Psnr(again.Image, seen):0.00} dB, SSIM {ImageQuality.Ssim(again.Image, seen):0.0000}"));
        Save(again, "reconstructed.png");
        return ExitCode.Ok;

        void Save(GeneratedImage image, string name)
        {
            var file = Path.Combine(folder, name);
            image.Save(file);
            Console.Out.WriteLine($"             wrote {file}");
        }
    }

    private async Task<T> WithProgress<T>(Func<IProgress<GenerationProgress>, Task<T>> work)
    {
        using var progress = new ProgressLine(Console);
        return await work(progress).ConfigureAwait(false);
    }
}
