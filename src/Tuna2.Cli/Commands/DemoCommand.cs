using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
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
    private readonly Option<bool> _json = CommonOptions.Json();

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
        Add(_json);
    }

    /// <inheritdoc/>
    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var given = parsed.GetValue(_image) is { } path ? PictureInput.Load(Console, path) : null;
        var folder = parsed.GetRequiredValue(_output);
        if (File.Exists(folder))
            throw new ImageException($"cannot write in {folder}: it is a file, not a folder");
        Directory.CreateDirectory(folder);
        _ = PictureOutput.Open(folder, null, null, count: 1); // whether it can be written to shows now, and not after the first picture
        using var model = await _model.LoadAsync(parsed, Console, cancellation).ConfigureAwait(false);
        using var session = model.CreateSession();

        // With --json the same is said at the end.
        var text = parsed.GetValue(_json) ? TextWriter.Null : Console.Out;
        var watch = Stopwatch.StartNew();
        var prompt = parsed.GetValue(_prompt) ?? DefaultPrompt;
        await text.WriteLineAsync($"generate     {prompt}").ConfigureAwait(false);
        var drawn = await WithProgress(p => session.GenerateAsync(prompt, null, p, cancellation)).ConfigureAwait(false);
        var generated = Save(drawn[0], "generated.png");

        var picture = given ?? drawn[0].Image;
        await text.WriteLineAsync($"ask          {Question}").ConfigureAwait(false);
        await text.WriteAsync("             ").ConfigureAwait(false);
        var answer = new StringBuilder();
        await foreach (var piece in session.AskAsync(picture, Question, null, cancellation).ConfigureAwait(false))
        {
            answer.Append(piece);
            await text.WriteAsync(piece).ConfigureAwait(false);
        }
        await text.WriteLineAsync().ConfigureAwait(false);

        await text.WriteLineAsync($"edit         {Instruction}").ConfigureAwait(false);
        var edited = Save((await WithProgress(p => session.EditAsync(picture, Instruction, null, p, cancellation)).ConfigureAwait(false))[0], "edited.png");

        var again = await WithProgress(p => session.ReconstructAsync(picture, null, p, cancellation)).ConfigureAwait(false);
        var seen = CoverCrop.Apply(picture, again.Image.Width, again.Image.Height);
        var quality = new Quality(ImageQuality.Psnr(again.Image, seen), ImageQuality.Ssim(again.Image, seen));
        await text.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"reconstruct  PSNR {quality.Psnr:0.00} dB, SSIM {quality.Ssim:0.0000}")).ConfigureAwait(false);
        var reconstructed = Save(again, "reconstructed.png");
        if (!parsed.GetValue(_json))
            return ExitCode.Ok;
        Console.WriteJson(json =>
        {
            json.WriteStartObject();
            json.WriteString("prompt", prompt);
            json.WriteString("generated", generated);
            json.WriteString("question", Question);
            json.WriteString("answer", answer.ToString());
            json.WriteString("instruction", Instruction);
            json.WriteString("edited", edited);
            json.WriteString("reconstructed", reconstructed);
            json.WriteFinite("psnr_db", quality.Psnr);
            json.WriteFinite("ssim", quality.Ssim);
            json.WriteString("model", model.Name);
            json.WriteString("device", model.Device);
            json.WriteNumber("seconds", Math.Round(watch.Elapsed.TotalSeconds, 3));
            json.WriteEndObject();
        });
        return ExitCode.Ok;

        string Save(GeneratedImage image, string name)
        {
            var file = Path.Combine(folder, name);
            image.Save(file);
            text.WriteLine($"             wrote {file}");
            return file;
        }
    }

    private async Task<T> WithProgress<T>(Func<IProgress<GenerationProgress>, Task<T>> work)
    {
        using var progress = new ProgressLine(Console);
        return await work(progress).ConfigureAwait(false);
    }
}
