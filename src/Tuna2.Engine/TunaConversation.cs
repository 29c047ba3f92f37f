using System.Runtime.CompilerServices;
using Tuna2.Engine.Imaging;
using Tuna2.Engine.Models;

namespace Tuna2.Engine;

/// <summary>
/// Questions and answers that build on each other. The keys and values of earlier turns are kept, so a turn computes its own
/// tokens only; the answers are those of computing the whole conversation again.
/// <code>
/// using var chat = session.StartConversation();
/// await foreach (var piece in chat.AskAsync("What is in the picture?", [photo]))
///     Console.Write(piece);
/// await foreach (var piece in chat.AskAsync("And what color is it?"))
///     Console.Write(piece);
/// </code>
/// </summary>
/// <remarks>
/// A turn becomes a part of the conversation when its answer was read to the end. One that was cancelled, failed, or whose reader
/// stopped early leaves the conversation as it was before: nothing of question, pictures or answer stays. One answer at a time;
/// calls on the session's other conversations wait for it to be computed, those on other sessions run beside it. Keys and
/// values take 2 x layers x key heads x head size numbers per token (112 KiB as float32 for the 7B model) until the
/// conversation or its session is disposed; between turns nothing else is held but, on a GPU, the captured step of a token.
/// </remarks>
public sealed class TunaConversation : IDisposable, IAsyncDisposable
{
    private readonly TunaSession _session;
    private readonly Chat _chat;
    private readonly CancellationTokenSource _closing = new();
    private readonly SemaphoreSlim _computing = new(1);
    private readonly TaskCompletionSource _freed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _answering;
    private int _closed;

    internal TunaConversation(TunaSession session, AskOptions options)
    {
        (_session, Options) = (session, options);
        _ = AskRequest.Check(options, session.Model.Config);
        _chat = new Chat(session.Model, options.System);
        if (TokenCount > TunaSession.MaxChatTokens)
            throw new RequestException($"the system prompt has {TokenCount} tokens; a conversation has {TunaSession.MaxChatTokens} at most");
    }

    /// <summary>What holds for a turn that brings no options of its own.</summary>
    public AskOptions Options { get; }

    /// <summary>The turns so far, oldest first: a list that does not change when the conversation goes on.</summary>
    public IReadOnlyList<ChatTurn> History => _chat.Turns;

    /// <summary>Tokens of the conversation so far, of <see cref="TunaSession.MaxChatTokens"/> at most.</summary>
    public int TokenCount => _chat.Transcript.Tokens.Count;

    internal Chat Chat => _chat;

    /// <summary>
    /// Asks, about pictures or not; the answer comes piece by piece, whole characters at a time. Nothing is computed before the
    /// first piece is asked for, and computing stops when the reader does. Reading it again asks again.
    /// </summary>
    /// <param name="question">The question. Added tokens written in it, such as <c>&lt;|im_end|&gt;</c>, are words like others.</param>
    /// <param name="pictures">The pictures it is about, before the question in this order; null or empty for none.</param>
    /// <param name="options">
    /// How to answer this turn; null for <see cref="Options"/>. A size that is null is the conversation's; turns may differ in it.
    /// </param>
    /// <param name="cancellation">Ends the answer; that of <c>WithCancellation</c> does too.</param>
    /// <returns>The pieces, none of them empty; together they are the answer.</returns>
    /// <exception cref="ArgumentNullException">There is no question, or a picture is null.</exception>
    /// <exception cref="RequestException">
    /// The question is empty, the conversation would be too long, an option is out of range or names another system prompt. While
    /// reading: another answer of the conversation is being read.
    /// </exception>
    /// <exception cref="DeviceException">While reading: there is not enough memory.</exception>
    /// <exception cref="ModelException">While reading: the model's logits are not finite.</exception>
    /// <exception cref="OperationCanceledException">While reading: the answer was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The conversation or its session is disposed, or was before the answer had ended.</exception>
    public IAsyncEnumerable<string> AskAsync(
        string question, IReadOnlyList<RgbImage>? pictures = null, AskOptions? options = null, CancellationToken cancellation = default)
    {
        return Asking(AskRequest.Of(question, pictures, ForTurn(options), _session.Model), cancellation);
    }

    /// <summary>Asks about a clip: as above, and only of a model of variant <c>tuna</c>.</summary>
    /// <param name="clip">The clip, of 1, 5, 9, ... frames, before the question.</param>
    /// <param name="question">The question.</param>
    /// <param name="options">How to answer this turn; null for <see cref="Options"/>.</param>
    /// <param name="cancellation">Ends the answer; that of <c>WithCancellation</c> does too.</param>
    /// <exception cref="ArgumentNullException">There is no clip or no question.</exception>
    /// <exception cref="RequestException">The model sees no clips, the clip has another number of frames, or what holds for pictures.</exception>
    public IAsyncEnumerable<string> AskClipAsync(VideoClip clip, string question, AskOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(clip);
        return Asking(AskRequest.Of(question, clip, ForTurn(options), _session.Model), cancellation);
    }

    private IAsyncEnumerable<string> Asking(AskRequest request, CancellationToken cancellation)
    {
        _session.ThrowIfDisposed();
        ObjectDisposedException.ThrowIf(_closing.IsCancellationRequested, this);
        request.CheckLength(TokenCount);
        return Stream(request, cancellation);
    }

    /// <summary>
    /// Stops the answer that is computed (its reader gets an <see cref="ObjectDisposedException"/>), waits until it has ended and
    /// frees keys and values. Never throws; further calls do nothing.
    /// </summary>
    public void Dispose() => Close().Wait();

    /// <summary>As <see cref="Dispose"/>, without blocking the thread while a running answer ends: for user interfaces.</summary>
    public ValueTask DisposeAsync() => new(Close());

    /// <summary>Stops and frees; ends when all is freed. Takes no lock: the session calls it under its own.</summary>
    internal Task Close()
    {
        if (Interlocked.Exchange(ref _closed, 1) == 0)
        {
            _closing.Cancel();
            _ = End();
        }
        return _freed.Task;

        async Task End()
        {
            await _computing.WaitAsync().ConfigureAwait(false);
            _chat.Dispose();
            _session.Forget(this);
            _freed.SetResult();
        }
    }

    private AskOptions ForTurn(AskOptions? options)
    {
        if (options is null)
            return Options;
        if (options.System is not null && options.System != Options.System)
            throw new RequestException("the system prompt stands at the beginning of a conversation: start another one for another prompt");
        return options with { Width = options.Width ?? Options.Width, Height = options.Height ?? Options.Height, VaeTile = options.VaeTile ?? Options.VaeTile };
    }

    private async IAsyncEnumerable<string> Stream(AskRequest request, [EnumeratorCancellation] CancellationToken cancellation)
    {
        if (Interlocked.Exchange(ref _answering, 1) == 1)
            throw new RequestException("the conversation is answering already: read that answer to its end, or stop, before the next question");
        try
        {
            Chat.Answer? answer = null;
            var pieces = _session.Stream<string>((say, stop) =>
            {
                _computing.Wait(stop);
                try
                {
                    answer = _chat.Run(request, say, stop);
                }
                finally
                {
                    _computing.Release();
                }
            }, cancellation, _closing.Token);
            await foreach (var piece in pieces.ConfigureAwait(false))
                yield return piece;
            _chat.Keep(answer!);
        }
        finally
        {
            Volatile.Write(ref _answering, 0);
        }
    }
}
