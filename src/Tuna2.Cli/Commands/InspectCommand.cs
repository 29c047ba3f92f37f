using System.CommandLine;
using Tuna2.Cli.Options;
using Tuna2.Cli.Output;

namespace Tuna2.Cli.Commands;

/// <summary>tuna2 inspect: what a model is, without loading it, or how a picture was made.</summary>
internal sealed class InspectCommand : TunaCommand
{
    private readonly Argument<string?> _model = new("MODEL")
    {
        Description = "A model directory, a safetensors file, or a picture the engine made (- for standard input) [default: the demo model]",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<bool> _tensors = new("--tensors") { Description = "List every tensor" };
    private readonly Option<int?> _width = NumberOptions.Integer("--width", "Columns of the picture whose memory is counted [default: the model's]");
    private readonly Option<int?> _height = NumberOptions.Integer("--height", "Rows of the picture whose memory is counted [default: the model's]");
    private readonly Option<bool> _json = CommonOptions.Json();

    public InspectCommand(CliConsole console) : base("inspect", "Show what a model is (variant, sizes, parameters, files, settings), or how a picture was made", console)
    {
        Examples =
        [
            "tuna2 inspect",
            "tuna2 inspect ~/models/tuna_2_pixel_7b",
            "tuna2 inspect model-00001-of-00004.safetensors --tensors",
            "tuna2 inspect circle.png",
        ];
        Add(_model);
        Add(_tensors);
        Add(_width);
        Add(_height);
        Add(_json);
    }

    /// <inheritdoc/>
    protected override Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var path = parsed.GetValue(_model) ?? DemoModel.Find();
        if (path == StandardStreams.Name || PictureDescription.IsPicture(path))
            return Task.FromResult(Describe(PictureInput.Description(Console, path), parsed));
        using var description = ModelDescription.Of(path);
        description.CountMemory(parsed.GetValue(_width), parsed.GetValue(_height));
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
