using System.CommandLine;
using Tuna2.Cli.Options;
using Tuna2.Cli.Output;
using Tuna2.Engine;

namespace Tuna2.Cli.Commands;

/// <summary>tuna2 inspect: what a model is, without loading it, or how a picture was made.</summary>
internal sealed class InspectCommand : TunaCommand
{
    private readonly Argument<string?> _model = new("MODEL")
    {
        Description = "A model directory, a safetensors or PyTorch file, a shape of the manifest, or a picture the engine made (- for standard input) [default: the demo model]",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<bool> _tensors = new("--tensors") { Description = "List every tensor" };
    private readonly Option<int?> _width = NumberOptions.Integer("--width", "Count memory for pictures and clips of N columns [default: the model's]");
    private readonly Option<int?> _height = NumberOptions.Integer("--height", "Count memory for pictures and clips of N rows [default: the model's]");
    private readonly Option<int?> _frames = NumberOptions.Integer("--frames", "Count memory for clips of N frames: 5, 9, 13, ... [default: the model's]");
    private readonly Option<int?> _steps = NumberOptions.Integer("--steps", "Count memory for N solver steps [default: the model's]");
    private readonly Option<float?> _guidance = NumberOptions.Number("--guidance", "Count memory for that guidance; 1 is none, and takes half [default: the model's]");
    private readonly Option<int?> _vaeTile = NumberOptions.Integer("--vae-tile", "Count memory for a VAE that takes tiles of N pixels a side [default: whole]");
    private readonly Option<int?> _batch = NumberOptions.Integer("--batch", "Count memory for N pictures that are stepped together [default: 1]");
    private readonly Option<int?> _promptTokens = NumberOptions.Integer("--prompt-tokens", "Count memory for prompts and questions of N tokens [default: 128]");
    private readonly Option<int?> _maxTokens = NumberOptions.Integer("--max-tokens", "Count memory for answers of N tokens [default: 512]");
    private readonly Option<WeightFormat?> _weights = CommonOptions.Weights("Count memory for matrices kept as");
    private readonly Option<int?> _threads = NumberOptions.Integer("--threads", "Count memory for N CPU threads; 0 for one per processor [default: 0]");
    private readonly Option<bool> _json = CommonOptions.Json();

    public InspectCommand(CliConsole console) : base("inspect", "Show what a model is and takes (variant, sizes, parameters, files, settings, memory), or how a picture was made", console)
    {
        Examples =
        [
            "tuna2 inspect",
            "tuna2 inspect ~/models/tuna_2_pixel_7b --width 1024 --height 1024",
            "tuna2 inspect ~/models/tuna_2b_video --width 1344 --height 768 --frames 81 --vae-tile 256",
            "tuna2 inspect tuna_2_pixel_7b --weights int4",
            "tuna2 inspect model-00001-of-00004.safetensors --tensors",
            "tuna2 inspect Wan2.2_VAE.pth --tensors",
            "tuna2 inspect circle.png",
        ];
        Add(_model);
        Add(_tensors);
        Add(_width);
        Add(_height);
        Add(_frames);
        Add(_steps);
        Add(_guidance);
        Add(_vaeTile);
        Add(_batch);
        Add(_promptTokens);
        Add(_maxTokens);
        Add(_weights);
        Add(_threads);
        Add(_json);
    }

    /// <inheritdoc/>
    protected override Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var path = parsed.GetValue(_model) ?? DemoModel.Find();
        if (path == StandardStreams.Name || PictureDescription.IsPicture(path))
            return Task.FromResult(Describe(PictureInput.Description(Console, path), parsed));
        using var description = ModelDescription.Of(path);
        var picture = new ImageOptions
        {
            Width = parsed.GetValue(_width),
            Height = parsed.GetValue(_height),
            Steps = parsed.GetValue(_steps),
            Guidance = parsed.GetValue(_guidance),
            VaeTile = parsed.GetValue(_vaeTile),
            Batch = parsed.GetValue(_batch) ?? 1,
            Count = Math.Max(1, parsed.GetValue(_batch) ?? 1),
        };
        description.CountMemory(picture, parsed.GetValue(_frames), parsed.GetValue(_maxTokens), parsed.GetValue(_promptTokens) ?? 128, parsed.GetValue(_threads) ?? 0, parsed.GetValue(_weights) ?? WeightFormat.Stored);
        if (parsed.GetValue(_json))
            Console.WriteJson(json => description.WriteTo(json, parsed.GetValue(_tensors)));
        else
            description.WriteTo(Console.Out, parsed.GetValue(_tensors));
        if (description.Problem is null)
            return Task.FromResult(ExitCode.Ok);
        Console.Fail(description.Problem);
        return Task.FromResult(ExitCode.Failure);
    }

    private int Describe(PictureDescription picture, ParseResult parsed)
    {
        if (parsed.GetValue(_json))
            Console.WriteJson(picture.WriteTo);
        else
            picture.WriteTo(Console.Out);
        if (picture.Problem is null)
            return ExitCode.Ok;
        Console.Fail(picture.Problem);
        return ExitCode.Failure;
    }
}
