using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Tuna2.Engine.Imaging;
using Tuna2.Engine.Models;
using Tuna2.Engine.Sampling;
using Tuna2.Engine.Text;

namespace Tuna2.Engine;

/// <summary>
/// What a model can do, with buffers of its own. Calls on one session wait for each other; several sessions of one model run
/// side by side. Every call computes on a thread of its own and ends soon after its token is cancelled.
/// </summary>
public sealed class TunaSession : IDisposable
{
    /// <summary>The longest chat in tokens, answer included: the context Qwen2.5 was trained for.</summary>
    public const int MaxChatTokens = 32768;

    private readonly TunaModel _model;
    private readonly SemaphoreSlim _turn = new(1);
    private int _disposed;

    internal TunaSession(TunaModel model) => _model = model;

    /// <summary>The model it belongs to.</summary>
    public TunaModel Model => _model;

    /// <summary>Makes pictures from text.</summary>
    /// <param name="prompt">What to draw.</param>
    /// <param name="options">Size, steps, guidance, seed, count; null for the model's defaults.</param>
    /// <param name="progress">Told after every step, on the computing thread.</param>
    /// <param name="cancellation">Seen within a step.</param>
    /// <returns>One picture per count, with the seed each was made from.</returns>
    /// <exception cref="RequestException">The prompt is empty or too long, or an option is out of range.</exception>
    /// <exception cref="DeviceException">There is not enough memory.</exception>
    public Task<IReadOnlyList<GeneratedImage>> GenerateAsync(
        string prompt, ImageOptions? options = null, IProgress<GenerationProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        if (string.IsNullOrWhiteSpace(prompt))
            throw new RequestException("the prompt is empty: say what to draw");
        return Make(ImageTask.Generate, prompt, null, options, progress, cancellation);
    }

    /// <summary>Changes a picture as told. The source is scaled to cover the output size and cropped at its centre.</summary>
    /// <param name="source">The picture to change.</param>
    /// <param name="instruction">What to change.</param>
    /// <param name="options">Size, steps, guidance, seed, count; null for the model's defaults.</param>
    /// <param name="progress">Told after every step, on the computing thread.</param>
    /// <param name="cancellation">Seen within a step.</param>
    /// <exception cref="RequestException">The instruction is empty or too long, or an option is out of range.</exception>
    /// <exception cref="DeviceException">There is not enough memory.</exception>
    public Task<IReadOnlyList<GeneratedImage>> EditAsync(
        RgbImage source, string instruction, ImageOptions? options = null, IProgress<GenerationProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(instruction);
        if (string.IsNullOrWhiteSpace(instruction))
            throw new RequestException("the instruction is empty: say what to change");
        return Make(ImageTask.Edit, instruction, source, options, progress, cancellation);
    }

    /// <summary>Draws a picture again from its own patch embeddings. Nothing is drawn at random: seed and count do not matter.</summary>
    /// <param name="source">The picture, scaled to cover the output size and cropped at its centre.</param>
    /// <param name="options">Size, steps, guidance; null for the model's defaults.</param>
    /// <param name="progress">Told after every step, on the computing thread.</param>
    /// <param name="cancellation">Seen within a step.</param>
    /// <exception cref="RequestException">An option is out of range.</exception>
    /// <exception cref="DeviceException">There is not enough memory.</exception>
    public async Task<GeneratedImage> ReconstructAsync(
        RgbImage source, ImageOptions? options = null, IProgress<GenerationProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        var images = await Make(ImageTask.Reconstruct, "", source, (options ?? new()) with { Count = 1 }, progress, cancellation).ConfigureAwait(false);
        return images[0];
    }

    /// <summary>Asks about a picture; the answer comes piece by piece, whole characters at a time.</summary>
    /// <param name="picture">The picture, scaled to cover the size of the options and cropped; null for text alone.</param>
    /// <param name="question">The question.</param>
    /// <param name="options">Length and variety of the answer; null for greedy, at most 512 tokens.</param>
    /// <param name="cancellation">Seen within a token.</param>
    /// <exception cref="RequestException">The question is empty or too long, or an option is out of range.</exception>
    /// <exception cref="DeviceException">There is not enough memory.</exception>
    public IAsyncEnumerable<string> AskAsync(RgbImage? picture, string question, AskOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(question);
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        options ??= new();
        var request = AskRequest.Of(picture is not null, question, options, _model);
        return Stream(picture, request, cancellation);
    }

    /// <summary>Frees its buffers, once a call that is still running has ended.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        _turn.Wait();
        _model.Release();
        _turn.Dispose();
    }

    private Task<IReadOnlyList<GeneratedImage>> Make(
        ImageTask task, string prompt, RgbImage? source, ImageOptions? options, IProgress<GenerationProgress>? progress, CancellationToken cancellation)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        var request = ImageRequest.Of(task, options ?? new(), _model.Config);
        var job = new ImageJob(_model, request, prompt, source);
        return InTurn(() => job.Run(progress, cancellation), cancellation);
    }

    private async Task<T> InTurn<T>(Func<T> work, CancellationToken cancellation)
    {
        await _turn.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            return await Task.Factory.StartNew(work, cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    private async IAsyncEnumerable<string> Stream(RgbImage? picture, AskRequest request, [EnumeratorCancellation] CancellationToken cancellation)
    {
        // A reader that stops early must stop the computing thread too.
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var pieces = Channel.CreateUnbounded<string>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        var producing = InTurn(() =>
        {
            request.Run(_model, picture, piece => pieces.Writer.TryWrite(piece), stop.Token);
            return true;
        }, stop.Token).ContinueWith(done => pieces.Writer.Complete(done.Exception?.InnerException ?? (done.IsCanceled ? new OperationCanceledException(stop.Token) : null)),
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        try
        {
            await foreach (var piece in pieces.Reader.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
                yield return piece;
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await producing.ConfigureAwait(false);
        }
    }
}
