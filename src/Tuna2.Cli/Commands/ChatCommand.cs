using System.CommandLine;
using System.Text.Json;
using Tuna2.Cli.Options;
using Tuna2.Cli.Output;
using Tuna2.Engine;
using Tuna2.Engine.Imaging;

namespace Tuna2.Cli.Commands;

/// <summary>tuna2 chat: a conversation, a line of standard input a question.</summary>
internal sealed class ChatCommand : TunaCommand
{
    private static readonly string[] _commands =
    [
        "/image PATH   a picture for the next question; may be given several times",
        "/video PATH   a clip for the next question, in place of pictures; --frames says how much of it is seen",
        "/reset        forget the conversation and start another",
        "/save FILE    write the conversation as JSON",
        "/help         this",
        "/exit         end; so does Ctrl-D",
        "Ctrl-C stops an answer, which is then forgotten with its question. A question that begins with / takes a space before it.",
    ];

    private readonly Argument<string[]> _images = new("IMAGE")
    {
        Description = "Pictures for the first question, each scaled to cover the size and cropped (PNG, JPEG, WebP, BMP or GIF)",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private readonly ClipOptions _clip = new("A clip for the first question, in place of pictures", more: true);
    private readonly AnswerOptions _answer = new();
    private readonly ModelOptions _model = new();
    private readonly Option<bool> _json = CommonOptions.Json();

    public ChatCommand(CliConsole console)
        : base("chat", "Talk about pictures: each line of standard input is a question, standard output has the answers", console)
    {
        SpokenTo = _commands;
        Examples =
        [
            "tuna2 chat circle.png",
            "tuna2 chat photo.jpg -m ~/models/tuna_2_pixel_7b --temperature 0.7 --system \"You are a painter.\"",
            "printf 'What shape is it?\\nWhat color is it?\\n' | tuna2 chat circle.png",
            "tuna2 chat circle.png --json < questions.txt",
            "tuna2 chat --video cat.mp4 --frames 13 -m ~/models/tuna_2b",
        ];
        Add(_images);
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
        var clip = _clip.Read(parsed, paths.Length, config, cancellation);
        var pictures = paths.Select(path => PictureInput.Load(Console, path)).ToList();
        using var model = await _model.LoadAsync(parsed, Console, cancellation).ConfigureAwait(false);
        using var session = model.CreateSession();
        var talk = new Talk(Console, session, options, pictures, clip, (path, stop) => _clip.Load(parsed, path, config, stop));
        if (Console.Interactive)
            await Console.Error.WriteLineAsync($"{model.Name} on {model.Device}; /help lists the commands").ConfigureAwait(false);
        while (await ReadAsync(cancellation).ConfigureAwait(false) is { } line)
            try
            {
                if (!await talk.TakeAsync(line, cancellation).ConfigureAwait(false))
                    break;
            }
            // A person can try again. A script cannot: the answers behind a missing picture would be about something else.
            catch (Tuna2Exception e) when (Console.Interactive)
            {
                Console.Fail(e.Message);
            }
        if (parsed.GetValue(_json))
            Console.WriteJson(json => AnswerOutput.Write(json, model, talk.History));
        return ExitCode.Ok;
    }

    /// <summary>The next line; null at the end.</summary>
    private async Task<string?> ReadAsync(CancellationToken cancellation)
    {
        if (Console.Interactive)
            await Console.Error.WriteAsync("> ").ConfigureAwait(false);
        var line = await Console.ReadLineAsync(cancellation).ConfigureAwait(false);
        if (Console.Interactive && line is null)
            await Console.Error.WriteLineAsync().ConfigureAwait(false);
        return line;
    }

    /// <summary>The conversation, and the pictures or the clip that wait for its next question.</summary>
    private sealed class Talk(CliConsole console, TunaSession session, AskOptions options, List<RgbImage> pictures, VideoClip? first, Func<string, CancellationToken, VideoClip> load)
    {
        private TunaConversation _conversation = session.StartConversation(options);
        private VideoClip? _clip = first;

        /// <summary>The turns since the beginning, or since the last /reset.</summary>
        public IReadOnlyList<ChatTurn> History => _conversation.History;

        /// <summary>Takes a line: a command or a question. Returns false where the chat ends.</summary>
        public async Task<bool> TakeAsync(string line, CancellationToken cancellation)
        {
            if (string.IsNullOrWhiteSpace(line))
                return true;
            if (!line.StartsWith('/'))
            {
                await AskAsync(line.Trim(), cancellation).ConfigureAwait(false);
                return true;
            }
            var end = line.AsSpan().IndexOfAny(' ', '\t');
            var (command, rest) = end < 0 ? (line, "") : (line[..end], line[end..].Trim());
            switch (command)
            {
                case "/exit" or "/quit":
                    return false;
                case "/help":
                    Note(string.Join("\n", _commands));
                    break;
                case "/reset":
                    _conversation.Dispose();
                    _conversation = session.StartConversation(options);
                    Forget();
                    Note("a new conversation");
                    break;
                case "/image":
                    if (_clip is not null)
                        throw new RequestException("a clip waits for the next question, which is about pictures or a clip, not both");
                    pictures.Add(RgbImage.Load(Path(rest, "/image PATH")));
                    Note($"{(pictures.Count == 1 ? "1 picture" : $"{pictures.Count} pictures")} for the next question");
                    break;
                case "/video":
                    if (pictures.Count > 0)
                        throw new RequestException("pictures wait for the next question, which is about pictures or a clip, not both");
                    _clip = load(Path(rest, "/video PATH"), cancellation);
                    Note($"{_clip.Frames.Count} frames for the next question");
                    break;
                case "/save":
                    Save(Path(rest, "/save FILE"));
                    break;
                default:
                    throw new RequestException($"there is no command {command}; /help lists them, and a question that begins with / takes a space before it");
            }
            return true;
        }

        /// <summary>An answer that is stopped leaves the pictures or the clip waiting: the next question may be about them.</summary>
        private async Task AskAsync(string question, CancellationToken cancellation)
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            using var interruptible = console.Interrupts.For(stop);
            try
            {
                await AnswerOutput.PrintAsync(console, _clip is null
                    ? _conversation.AskAsync(question, pictures, null, stop.Token)
                    : _conversation.AskClipAsync(_clip, question, null, stop.Token)).ConfigureAwait(false);
                Forget();
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                await console.Error.WriteLineAsync("stopped: the question is forgotten").ConfigureAwait(false);
            }
        }

        private void Forget()
        {
            pictures.Clear();
            _clip = null;
        }

        private void Save(string path)
        {
            AtomicFile.Write(path, file =>
            {
                using (var json = new Utf8JsonWriter(file, CliConsole.JsonOptions))
                    AnswerOutput.Write(json, session.Model, _conversation.History);
                file.WriteByte((byte)'\n');
            });
            Note($"wrote {path}");
        }

        private void Note(string text)
        {
            if (console.Interactive)
                console.Error.WriteLine(text);
        }

        private static string Path(string rest, string usage)
        {
            if (rest is ['"', .., '"'] or ['\'', .., '\''])
                rest = rest[1..^1];
            return rest.Length > 0 ? rest : throw new RequestException($"the name is missing: {usage}");
        }
    }
}
