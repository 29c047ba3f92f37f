using System.CommandLine;
using Tuna2.Cli.Options;
using Tuna2.Cli.Output;
using Tuna2.Engine;
using Tuna2.Engine.Imaging;

namespace Tuna2.Cli.Commands;

/// <summary>tuna2 ask: questions about pictures or none, answered as they come.</summary>
internal sealed class AskCommand : TunaCommand
{
    private static readonly string[] _pictureEndings = [".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif"];

    private readonly Argument<string[]> _images = new("IMAGE")
    {
        Description = "Pictures to ask about, each scaled to cover the size and cropped; none asks in text alone (PNG, JPEG, WebP, BMP or GIF)",
        Arity = ArgumentArity.ZeroOrMore,
        // The last word is the question, the ones before are pictures.
        CustomParser = result =>
        {
            string[] pictures = [.. result.Tokens.SkipLast(1).Select(token => token.Value)];
            result.OnlyTake(pictures.Length);
            return pictures;
        },
    };

    private readonly Argument<string> _question = CommonOptions.Text("QUESTION", "What to ask; - reads it from standard input");
    private readonly Option<string[]> _then = new("--then") { Description = "A further question of the same conversation; may be given several times", HelpName = "QUESTION" };
    private readonly ClipOptions _clip = new("A clip to ask about in place of pictures", more: false);
    private readonly AnswerOptions _answer = new();
    private readonly ModelOptions _model = new();
    private readonly Option<bool> _json = CommonOptions.Json();

    public AskCommand(CliConsole console) : base("ask", "Ask about pictures, or without one; the answer is printed as it comes", console)
    {
        Examples =
        [
            "tuna2 ask circle.png \"What color is the circle?\"",
            "tuna2 ask circle.png \"What shape is it?\" --then \"What color is it?\" --json",
            "tuna2 ask before.jpg after.jpg \"What changed?\" -m ~/models/tuna_2_pixel_7b",
            "tuna2 ask photo.jpg \"Describe the image in detail.\" -m ~/models/tuna_2_pixel_7b --temperature 0.7 --top-p 0.9",
            "tuna2 ask photo.jpg - -m ~/models/tuna_2_pixel_7b < question.txt",
            "tuna2 ask --video cat.mp4 --frames 13 \"What does the cat do?\" -m ~/models/tuna_2b",
        ];
        Add(_images);
        Add(_question);
        Add(_then);
        _clip.AddTo(this);
        _answer.AddTo(this);
        _model.AddTo(this);
        Add(_json);
    }

    /// <inheritdoc/>
    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var options = _answer.Read(parsed);
        var config = _model.Config(parsed);
        options.Validate(config);
        var paths = parsed.GetValue(_images) ?? [];
        string[] questions = [await QuestionAsync(parsed.GetRequiredValue(_question), paths, cancellation).ConfigureAwait(false), .. parsed.GetValue(_then) ?? []];
        if (questions.Any(string.IsNullOrWhiteSpace))
            throw new RequestException("a question is empty");
        var clip = _clip.Read(parsed, paths.Length, config, cancellation);
        var pictures = paths.Select(path => PictureInput.Load(Console, path)).ToList();
        using var model = await _model.LoadAsync(parsed, Console, cancellation).ConfigureAwait(false);
        using var session = model.CreateSession();
        using var conversation = session.StartConversation(options);

        for (var i = 0; i < questions.Length; i++)
            await AnswerOutput.PrintAsync(Console, i == 0 && clip is not null
                ? conversation.AskClipAsync(clip, questions[i], null, cancellation)
                : conversation.AskAsync(questions[i], i == 0 ? pictures : null, null, cancellation)).ConfigureAwait(false);
        if (parsed.GetValue(_json))
            Console.WriteJson(writer => AnswerOutput.Write(writer, model, conversation.History));
        return ExitCode.Ok;
    }

    /// <summary>The question as given or from standard input; one that is a picture's name was forgotten.</summary>
    /// <exception cref="RequestException">There is no question.</exception>
    private async Task<string> QuestionAsync(string given, string[] pictures, CancellationToken cancellation)
    {
        if (given != "-")
            return !IsPicture(given) ? given : throw new RequestException($"{given} is a picture, and the question is missing: it stands behind the pictures");
        if (pictures.Contains("-"))
            throw new RequestException("standard input can be a picture or the question, not both");
        return (await Console.ReadToEndAsync(cancellation).ConfigureAwait(false)).TrimEnd('\r', '\n');
    }

    /// <summary>A word that ends like a picture's name, be the file there or not, or a file that is one.</summary>
    private static bool IsPicture(string text)
    {
        if (!text.Any(char.IsWhiteSpace) && _pictureEndings.Contains(Path.GetExtension(text), StringComparer.OrdinalIgnoreCase))
            return true;
        if (!File.Exists(text))
            return false;
        try
        {
            RgbImage.Load(text);
            return true;
        }
        catch (ImageException)
        {
            return false;
        }
    }
}
