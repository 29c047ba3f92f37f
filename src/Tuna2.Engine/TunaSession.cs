using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Tuna2.Engine.Imaging;
using Tuna2.Engine.Models;
using Tuna2.Engine.Text;

namespace Tuna2.Engine;

/// <summary>
/// What a model can do, with buffers of its own. Safe for use by several threads: calls on one session run one after the
/// other, several sessions of one model run side by side, and either way a call gives the same bits.
/// </summary>
/// <remarks>
/// Prompts and options are checked before a method returns, so a <see cref="RequestException"/> or an
/// <see cref="ArgumentNullException"/> comes from the call itself, not from its task; for that the text is tokenized on the
/// caller's thread, which takes less than a second for a million letters. Each call computes on a thread of its own; a
/// cancelled one ends within an op of a step (milliseconds, or a fraction of a step for large models), on a GPU within two
/// steps, and keeps no memory. On a GPU the model keeps what a later request can use again, until
/// <see cref="TunaModel.TrimMemory"/>.
/// </remarks>
public sealed class TunaSession : IDisposable, IAsyncDisposable
{
    /// <summary>The longest chat in tokens, answer included: the context Qwen2.5 was trained for.</summary>
    public const int MaxChatTokens = 32768;

    private readonly TunaModel _model;
    private readonly SemaphoreSlim _turn = new(1);
    private readonly CancellationTokenSource _closing = new();
    private readonly Lock _lock = new();
    private Task? _closed;
    private readonly HashSet<TunaConversation> _conversations = [];
    private volatile int _computingThread;

    internal TunaSession(TunaModel model) => _model = model;

    /// <summary>The model it belongs to.</summary>
    public TunaModel Model => _model;

    /// <summary>Makes pictures from text.</summary>
    /// <returns>One picture per count, with the seed each was made from.</returns>
    /// <inheritdoc cref="GenerateEachAsync(string, ImageOptions, IProgress{GenerationProgress}, CancellationToken)"/>
    public Task<IReadOnlyList<GeneratedImage>> GenerateAsync(
        string prompt, ImageOptions? options = null, IProgress<GenerationProgress>? progress = null, CancellationToken cancellation = default) =>
        GenerateAsync([prompt], options, progress, cancellation);

    /// <summary>Makes pictures from several texts.</summary>
    /// <returns>One picture per prompt and count, in order, with the seed each was made from.</returns>
    /// <inheritdoc cref="GenerateEachAsync(IReadOnlyList{string}, ImageOptions, IProgress{GenerationProgress}, CancellationToken)"/>
    public Task<IReadOnlyList<GeneratedImage>> GenerateAsync(
        IReadOnlyList<string> prompts, ImageOptions? options = null, IProgress<GenerationProgress>? progress = null, CancellationToken cancellation = default) =>
        All(Generation(prompts, options), progress, cancellation);

    /// <summary>
    /// Makes pictures from text, each handed over as it is finished: what is finished when the call ends early has been handed
    /// over. Nothing is computed before the first is asked for, and computing stops when the reader does, but does not wait for
    /// it between pictures.
    /// </summary>
    /// <param name="prompt">What to draw.</param>
    /// <param name="options">Size, steps, guidance, seed, count; null for the model's defaults.</param>
    /// <param name="progress">Told after every step, on the computing thread; what it throws ends the call and comes out of it.</param>
    /// <param name="cancellation">Ends the call.</param>
    /// <returns>One picture per count, in order, with the seed each was made from.</returns>
    /// <exception cref="ArgumentNullException">There is no prompt.</exception>
    /// <exception cref="RequestException">The prompt is empty or too long, or an option is out of range.</exception>
    /// <exception cref="DeviceException">There is not enough memory.</exception>
    /// <exception cref="ModelException">The model's prediction is not finite.</exception>
    /// <exception cref="OperationCanceledException">The call was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The session is disposed, or was before the call had ended.</exception>
    public IAsyncEnumerable<GeneratedImage> GenerateEachAsync(
        string prompt, ImageOptions? options = null, IProgress<GenerationProgress>? progress = null, CancellationToken cancellation = default) =>
        GenerateEachAsync([prompt], options, progress, cancellation);

    /// <summary>
    /// As for one prompt, for several with the same options: the pictures of the first, then those of the next, each prompt's from the same
    /// seeds. With <see cref="ImageOptions.Batch"/> those of several prompts are stepped together too.
    /// </summary>
    /// <param name="prompts">What to draw, one by one.</param>
    /// <param name="options">Size, steps, guidance, seed, count; null for the model's defaults.</param>
    /// <param name="progress">Told after every step, on the computing thread; what it throws ends the call and comes out of it.</param>
    /// <param name="cancellation">Ends the call.</param>
    /// <returns>One picture per prompt and count, in order, with the seed each was made from.</returns>
    /// <exception cref="ArgumentNullException">There are no prompts, or one of them is null.</exception>
    /// <exception cref="RequestException">There is no prompt, one is empty or too long, or an option is out of range.</exception>
    /// <exception cref="DeviceException">There is not enough memory.</exception>
    /// <exception cref="ModelException">The model's prediction is not finite.</exception>
    /// <exception cref="OperationCanceledException">The call was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The session is disposed, or was before the call had ended.</exception>
    public IAsyncEnumerable<GeneratedImage> GenerateEachAsync(
        IReadOnlyList<string> prompts, ImageOptions? options = null, IProgress<GenerationProgress>? progress = null, CancellationToken cancellation = default) =>
        Each(Generation(prompts, options), progress, cancellation);

    /// <summary>Changes a picture as told. The source is scaled to cover the output size and cropped at its centre.</summary>
    /// <returns>One picture per count, with the seed each was made from.</returns>
    /// <inheritdoc cref="EditEachAsync"/>
    public Task<IReadOnlyList<GeneratedImage>> EditAsync(
        RgbImage source, string instruction, ImageOptions? options = null, IProgress<GenerationProgress>? progress = null, CancellationToken cancellation = default) =>
        All(Editing(source, instruction, options), progress, cancellation);

    /// <summary>
    /// Changes a picture as told, each result handed over as it is finished, as in <see cref="GenerateEachAsync(string, ImageOptions, IProgress{GenerationProgress}, CancellationToken)"/>. The source is
    /// scaled to cover the output size and cropped at its centre.
    /// </summary>
    /// <param name="source">The picture to change.</param>
    /// <param name="instruction">What to change.</param>
    /// <param name="options">Size, steps, guidance, seed, count; null for the model's defaults.</param>
    /// <param name="progress">Told after every step, on the computing thread; what it throws ends the call and comes out of it.</param>
    /// <param name="cancellation">Ends the call.</param>
    /// <returns>One picture per count, in order, with the seed each was made from.</returns>
    /// <exception cref="ArgumentNullException">There is no source or no instruction.</exception>
    /// <exception cref="RequestException">The instruction is empty or too long, or an option is out of range.</exception>
    /// <exception cref="DeviceException">There is not enough memory.</exception>
    /// <exception cref="ModelException">The model's prediction is not finite.</exception>
    /// <exception cref="OperationCanceledException">The call was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The session is disposed, or was before the call had ended.</exception>
    public IAsyncEnumerable<GeneratedImage> EditEachAsync(
        RgbImage source, string instruction, ImageOptions? options = null, IProgress<GenerationProgress>? progress = null, CancellationToken cancellation = default) =>
        Each(Editing(source, instruction, options), progress, cancellation);

    /// <summary>Draws a picture again from its own patch embeddings, or of variant <c>tuna</c> from its latent. Nothing is drawn at random: seed and count do not matter.</summary>
    /// <param name="source">The picture, scaled to cover the output size and cropped at its centre.</param>
    /// <param name="options">Size, steps, guidance; null for the model's defaults.</param>
    /// <param name="progress">Told after every step, on the computing thread; what it throws ends the call and comes out of it.</param>
    /// <param name="cancellation">Ends the call.</param>
    /// <exception cref="ArgumentNullException">There is no source.</exception>
    /// <exception cref="RequestException">An option is out of range.</exception>
    /// <exception cref="DeviceException">There is not enough memory.</exception>
    /// <exception cref="ModelException">The model's prediction is not finite.</exception>
    /// <exception cref="OperationCanceledException">The call was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The session is disposed, or was before the call had ended.</exception>
    public Task<GeneratedImage> ReconstructAsync(
        RgbImage source, ImageOptions? options = null, IProgress<GenerationProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        return Only(All(Job(ImageTask.Reconstruct, [""], source, (options ?? new()) with { Count = 1 }), progress, cancellation));

        static async Task<GeneratedImage> Only(Task<IReadOnlyList<GeneratedImage>> images) => (await images.ConfigureAwait(false))[0];
    }

    /// <summary>Makes a clip from text; only a model of variant <c>tuna</c> does.</summary>
    /// <param name="prompt">What to film.</param>
    /// <param name="options">Size, frames, steps, guidance, seed; null for the model's defaults: 49 frames of 672x384.</param>
    /// <param name="progress">Told after every step, on the computing thread; what it throws ends the call and comes out of it.</param>
    /// <param name="cancellation">Ends the call.</param>
    /// <exception cref="ArgumentNullException">There is no prompt.</exception>
    /// <exception cref="RequestException">The model makes no clips, the prompt is empty or too long, or an option is out of range.</exception>
    /// <exception cref="DeviceException">There is not enough memory.</exception>
    /// <exception cref="ModelException">The model's prediction is not finite.</exception>
    /// <exception cref="OperationCanceledException">The call was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The session is disposed, or was before the call had ended.</exception>
    public Task<GeneratedVideo> GenerateVideoAsync(
        string prompt, VideoOptions? options = null, IProgress<GenerationProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        ThrowIfDisposed();
        if (string.IsNullOrWhiteSpace(prompt))
            throw new RequestException("the prompt is empty: say what to film");
        options ??= new();
        var job = new ImageJob(_model, ImageRequest.Of(options, _model.Config), prompt, null);
        var rate = options.FramesPerSecond ?? _model.Config.Defaults.Video!.FramesPerSecond;
        return InTurn(
            stop =>
            {
                GeneratedVideo? video = null;
                job.Run(made => video = new(new VideoClip(made.Pictures, rate), made.Parameters with { FramesPerSecond = rate }, made.Warnings), progress, stop);
                return video!;
            },
            cancellation);
    }

    /// <summary>Asks about a picture, once: as <see cref="AskAsync(string, IReadOnlyList{RgbImage}, AskOptions, CancellationToken)"/>.</summary>
    /// <param name="picture">The picture; null for text alone.</param>
    /// <param name="question">The question.</param>
    /// <param name="options">Length and variety of the answer; null for greedy, at most 512 tokens.</param>
    /// <param name="cancellation">Ends the answer; that of <c>WithCancellation</c> does too.</param>
    public IAsyncEnumerable<string> AskAsync(RgbImage? picture, string question, AskOptions? options = null, CancellationToken cancellation = default) =>
        AskAsync(question, picture is null ? null : [picture], options, cancellation);

    /// <summary>
    /// Asks once, about pictures or not; the answer comes piece by piece, whole characters at a time. Nothing is computed before
    /// the first piece is asked for, and computing stops when the reader does. Reading it again asks again. For questions that
    /// build on each other there is <see cref="StartConversation"/>.
    /// </summary>
    /// <param name="question">The question. Added tokens written in it, such as <c>&lt;|im_end|&gt;</c>, are words like others.</param>
    /// <param name="pictures">The pictures, each scaled to cover the size of the options and cropped; null or empty for text alone.</param>
    /// <param name="options">Length and variety of the answer; null for greedy, at most 512 tokens.</param>
    /// <param name="cancellation">Ends the answer; that of <c>WithCancellation</c> does too.</param>
    /// <returns>The pieces, none of them empty; together they are the answer.</returns>
    /// <exception cref="ArgumentNullException">There is no question, or a picture is null.</exception>
    /// <exception cref="RequestException">The question is empty or too long, or an option is out of range.</exception>
    /// <exception cref="DeviceException">While reading: there is not enough memory.</exception>
    /// <exception cref="ModelException">While reading: the model's logits are not finite.</exception>
    /// <exception cref="OperationCanceledException">While reading: the answer was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The session is disposed, or was before the answer had ended.</exception>
    public IAsyncEnumerable<string> AskAsync(string question, IReadOnlyList<RgbImage>? pictures = null, AskOptions? options = null, CancellationToken cancellation = default)
    {
        options ??= new AskOptions();
        return Asking(AskRequest.Of(question, pictures, options, _model), options, cancellation);
    }

    private IAsyncEnumerable<string> Asking(AskRequest request, AskOptions options, CancellationToken cancellation)
    {
        ThrowIfDisposed();
        request.CheckLength(new ChatWriter(_model.Tokenizer, _model.Tokens).Begin(options.System ?? ChatTemplate.DefaultSystemPrompt).Tokens.Count);
        return Stream<string>((say, stop) =>
        {
            using var chat = new Chat(_model, options.System);
            chat.Run(request, say, stop);
        }, cancellation);
    }

    /// <summary>
    /// Asks about a clip, once: as <see cref="AskAsync(string, IReadOnlyList{RgbImage}, AskOptions, CancellationToken)"/>; only a
    /// model of variant <c>tuna</c> can be asked.
    /// </summary>
    /// <param name="clip">The clip, of 1, 5, 9, ... frames, each scaled to cover the size of the options and cropped.</param>
    /// <param name="question">The question.</param>
    /// <param name="options">Length and variety of the answer; null for greedy, at most 512 tokens.</param>
    /// <param name="cancellation">Ends the answer; that of <c>WithCancellation</c> does too.</param>
    /// <exception cref="ArgumentNullException">There is no clip or no question.</exception>
    /// <exception cref="RequestException">
    /// The model sees no clips, the clip has another number of frames, the question is empty or too long, or an option is out of range.
    /// </exception>
    public IAsyncEnumerable<string> AskClipAsync(VideoClip clip, string question, AskOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(clip);
        options ??= new AskOptions();
        return Asking(AskRequest.Of(question, clip, options, _model), options, cancellation);
    }

    /// <summary>Starts a conversation: questions that build on each other, over keys and values that are kept.</summary>
    /// <param name="options">The system prompt, and how to answer where a turn says nothing else; null for the defaults.</param>
    /// <returns>The conversation; disposed with the session at the latest.</returns>
    /// <exception cref="RequestException">An option is out of range, or the system prompt is too long.</exception>
    /// <exception cref="ObjectDisposedException">The session is disposed.</exception>
    public TunaConversation StartConversation(AskOptions? options = null)
    {
        var conversation = new TunaConversation(this, options ?? new AskOptions());
        lock (_lock)
        {
            ThrowIfDisposed();
            _conversations.Add(conversation);
        }
        return conversation;
    }

    /// <summary>
    /// Stops the call that runs and those that wait (they end with an <see cref="ObjectDisposedException"/>), waits until
    /// they have ended and frees everything; the weights too, when the model is disposed and this was its last session. Never
    /// throws; further calls do nothing. From a progress callback, which cannot wait for its own call, it only stops.
    /// </summary>
    public void Dispose()
    {
        var closed = Close();
        if (_computingThread != Environment.CurrentManagedThreadId)
            closed.Wait();
    }

    /// <summary>As <see cref="Dispose"/>, without blocking the thread while a running call ends: for user interfaces.</summary>
    public ValueTask DisposeAsync() => new(Close());

    private Task Close()
    {
        lock (_lock)
        {
            if (_closed is null)
            {
                // Not CancelAsync: the computing thread must see it at its next look, not when the pool finds time.
                _closing.Cancel();
                _closed = End();
            }
            return _closed;
        }

        async Task End()
        {
            await _turn.WaitAsync().ConfigureAwait(false);
            TunaConversation[] conversations;
            lock (_lock)
                conversations = [.. _conversations];
            foreach (var conversation in conversations)
                await conversation.Close().ConfigureAwait(false);
            _model.Release();
        }
    }

    /// <summary>A conversation that has freed everything.</summary>
    internal void Forget(TunaConversation conversation)
    {
        lock (_lock)
            _conversations.Remove(conversation);
    }

    private ImageJob Generation(IReadOnlyList<string> prompts, ImageOptions? options)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        if (prompts.Count == 0)
            throw new RequestException("there is no prompt: say what to draw");
        for (var i = 0; i < prompts.Count; i++)
        {
            ArgumentNullException.ThrowIfNull(prompts[i], "prompt");
            if (string.IsNullOrWhiteSpace(prompts[i]))
                throw new RequestException($"{(prompts.Count == 1 ? "the prompt" : $"prompt {i + 1}")} is empty: say what to draw");
        }
        return Job(ImageTask.Generate, prompts, null, options);
    }

    private ImageJob Editing(RgbImage source, string instruction, ImageOptions? options)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(instruction);
        if (string.IsNullOrWhiteSpace(instruction))
            throw new RequestException("the instruction is empty: say what to change");
        return Job(ImageTask.Edit, [instruction], source, options);
    }

    private ImageJob Job(ImageTask task, IReadOnlyList<string> prompts, RgbImage? source, ImageOptions? options)
    {
        ThrowIfDisposed();
        return new ImageJob(_model, ImageRequest.Of(task, options ?? new(), _model.Config), [.. prompts], source);
    }

    private Task<IReadOnlyList<GeneratedImage>> All(ImageJob job, IProgress<GenerationProgress>? progress, CancellationToken cancellation) =>
        InTurn<IReadOnlyList<GeneratedImage>>(
            stop =>
            {
                var images = new List<GeneratedImage>();
                job.Run(made => images.Add(Image(made)), progress, stop);
                return images;
            },
            cancellation);

    private IAsyncEnumerable<GeneratedImage> Each(ImageJob job, IProgress<GenerationProgress>? progress, CancellationToken cancellation) =>
        Stream<GeneratedImage>((hand, stop) => job.Run(made => hand(Image(made)), progress, stop), cancellation);

    private static GeneratedImage Image(MadePictures made) => new(made.Pictures[0], made.Parameters, made.Warnings);

    /// <summary>What a call hands over piece by piece. A piece that was made is read even when the call is cancelled after it.</summary>
    /// <param name="work">Computes; is given where pieces go and what stops it.</param>
    /// <param name="cancellation">The caller's.</param>
    /// <param name="ended">Stops it as disposing of the session does.</param>
    internal async IAsyncEnumerable<T> Stream<T>(Action<Action<T>, CancellationToken> work, [EnumeratorCancellation] CancellationToken cancellation, CancellationToken ended = default)
    {
        // A reader that stops early must stop the computing thread too.
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var pieces = Channel.CreateUnbounded<T>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        var working = Work();
        try
        {
            // Not cancelled itself: a cancelled call ends the pieces, within an op of a step.
            await foreach (var piece in pieces.Reader.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
                yield return piece;
            // The last piece is read before the work has quite ended, and only then it is known how.
            await working.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (working.IsCanceled)
                cancellation.ThrowIfCancellationRequested();
            await working.ConfigureAwait(false);
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await working.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        async Task Work()
        {
            try
            {
                await InTurn(
                    token =>
                    {
                        work(piece => pieces.Writer.TryWrite(piece), token);
                        return true;
                    },
                    stop.Token,
                    ended).ConfigureAwait(false);
            }
            finally
            {
                pieces.Writer.Complete();
            }
        }
    }

    /// <summary>Computes when the calls before have ended, on a thread of its own. Disposal stops it as the caller's token does.</summary>
    private async Task<T> InTurn<T>(Func<CancellationToken, T> work, CancellationToken cancellation, CancellationToken ended = default)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _closing.Token, ended);
        try
        {
            await _turn.WaitAsync(stop.Token).ConfigureAwait(false);
            try
            {
                return await Task.Factory.StartNew(() => Compute(work, stop.Token), stop.Token, TaskCreationOptions.LongRunning, TaskScheduler.Default)
                    .ConfigureAwait(false);
            }
            finally
            {
                _turn.Release();
            }
        }
        catch (OperationCanceledException e) when (e.CancellationToken == stop.Token)
        {
            cancellation.ThrowIfCancellationRequested();
            throw ended.IsCancellationRequested && !_closing.IsCancellationRequested
                ? new ObjectDisposedException(typeof(TunaConversation).FullName, "the conversation was disposed before its answer had ended")
                : new ObjectDisposedException(typeof(TunaSession).FullName, "the session was disposed before the call had ended");
        }
    }

    private T Compute<T>(Func<CancellationToken, T> work, CancellationToken stop)
    {
        _computingThread = Environment.CurrentManagedThreadId;
        try
        {
            return work(stop);
        }
        catch (OutOfMemoryException e)
        {
            throw new DeviceException("not enough memory for the request", e);
        }
        finally
        {
            _computingThread = 0;
        }
    }

    internal void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(_closing.IsCancellationRequested, this);
}
