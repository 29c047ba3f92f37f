using System.CommandLine;
using System.Diagnostics;
using System.Text;
using Tuna2.Cli.Options;
using Tuna2.Engine;

namespace Tuna2.Cli.Commands;

/// <summary>tuna2 ask: a question about a picture, answered as it comes.</summary>
internal sealed class AskCommand : TunaCommand
{
    private readonly Argument<string> _image = CommonOptions.Picture("The picture, scaled to cover the size and cropped");
    private readonly Argument<string> _question = CommonOptions.Text("QUESTION", "What to ask about it");
    private readonly Option<int?> _maxTokens = NumberOptions.Integer("--max-tokens", "The longest answer, in tokens [default: 512]");
    private readonly Option<float?> _temperature = NumberOptions.Number("--temperature", "0 takes the likeliest token every time; higher is more varied [default: 0]");
    private readonly Option<int?> _topK = NumberOptions.Integer("--top-k", "Draw among the N likeliest tokens; 0 for all [default: 0]");
    private readonly Option<float?> _topP = NumberOptions.Number("--top-p", "Draw among the likeliest tokens that together reach this probability [default: 1]");
    private readonly Option<long?> _seed = NumberOptions.Long("--seed", "Seed of the draws [default: 42]");
    private readonly Option<string?> _system = new("--system") { Description = "The system prompt [default: Qwen's]", HelpName = "TEXT" };
    private readonly Option<int?> _width = NumberOptions.Integer("--width", "Columns the picture is brought to, a multiple of 16 [default: the model's]");
    private readonly Option<int?> _height = NumberOptions.Integer("--height", "Rows the picture is brought to, a multiple of 16 [default: the model's]");
    private readonly ModelOptions _model = new();
    private readonly Option<bool> _json = CommonOptions.Json();

    public AskCommand(CliConsole console) : base("ask", "Ask about a picture; the answer is printed as it comes", console)
    {
        Examples =
        [
            "tuna2 ask circle.png \"What color is the circle?\"",
            "tuna2 ask photo.jpg \"Describe the image in detail.\" -m ~/models/tuna_2_pixel_7b --temperature 0.7 --top-p 0.9",
        ];
        Add(_image);
        Add(_question);
        Add(_maxTokens);
        Add(_temperature);
        Add(_topK);
        Add(_topP);
        Add(_seed);
        Add(_system);
        Add(_width);
        Add(_height);
        _model.AddTo(this);
        Add(_json);
    }

    /// <inheritdoc/>
    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var options = Read(parsed);
        options.Validate(_model.Config(parsed));
        var picture = PictureInput.Load(Console, parsed.GetRequiredValue(_image));
        var question = parsed.GetRequiredValue(_question);
        using var model = await _model.LoadAsync(parsed, Console, cancellation).ConfigureAwait(false);
        using var session = model.CreateSession();

        var watch = Stopwatch.StartNew();
        var pieces = session.AskAsync(picture, question, options, cancellation);
        if (!parsed.GetValue(_json))
        {
            await StreamAsync(pieces).ConfigureAwait(false);
            return ExitCode.Ok;
        }
        var answer = new StringBuilder();
        await foreach (var piece in pieces.ConfigureAwait(false))
            answer.Append(piece);
        Console.WriteJson(json =>
        {
            json.WriteStartObject();
            json.WriteString("question", question);
            json.WriteString("answer", answer.ToString());
            json.WriteString("model", model.Name);
            json.WriteString("device", model.Device);
            json.WriteNumber("seconds", Math.Round(watch.Elapsed.TotalSeconds, 3));
            json.WriteEndObject();
        });
        return ExitCode.Ok;
    }

    private async Task StreamAsync(IAsyncEnumerable<string> pieces)
    {
        var begun = false;
        try
        {
            await foreach (var piece in pieces.ConfigureAwait(false))
            {
                begun = true;
                await Console.Out.WriteAsync(piece).ConfigureAwait(false);
                await Console.Out.FlushAsync(CancellationToken.None).ConfigureAwait(false);
            }
        }
        finally
        {
            // Also where it breaks off: the line of the error must not hang on the answer's.
            if (begun)
                await Console.Out.WriteLineAsync().ConfigureAwait(false);
        }
    }

    private AskOptions Read(ParseResult parsed)
    {
        var standard = new AskOptions();
        return standard with
        {
            Width = parsed.GetValue(_width),
            Height = parsed.GetValue(_height),
            MaxTokens = parsed.GetValue(_maxTokens) ?? standard.MaxTokens,
            Temperature = parsed.GetValue(_temperature) ?? standard.Temperature,
            TopK = parsed.GetValue(_topK) ?? standard.TopK,
            TopP = parsed.GetValue(_topP) ?? standard.TopP,
            Seed = parsed.GetValue(_seed) ?? standard.Seed,
            System = parsed.GetValue(_system),
        };
    }
}
