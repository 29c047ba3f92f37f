using Tuna2.Engine.Graph;
using Tuna2.Engine.Models;
using Tuna2.Engine.Sampling;
using Tuna2.Engine.Text;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine;

/// <summary>
/// A loaded model: weights on a device, tokenizer, settings. Immutable, shared, safe for use by several threads; work is done
/// by its sessions.
/// <code>
/// using var model = await TunaModel.LoadAsync("models/tuna2-shapes");
/// using var session = model.CreateSession();
/// var pictures = await session.GenerateAsync("a red circle on a blue background");
/// pictures[0].Save("circle.png");
/// </code>
/// </summary>
public sealed class TunaModel : IDisposable
{
    private readonly IBackend _backend;
    private readonly TunaWeights _weights;
    private readonly Lock _lock = new();
    private int _users = 1;
    private bool _disposed;

    private TunaModel(string name, ModelConfig config, Tokenizer tokenizer, TunaTokens tokens, DeviceSelection device, TunaWeights weights)
    {
        (Name, Config, Tokenizer, Tokens, _backend, _weights) = (name, config, tokenizer, tokens, device.Backend, weights);
        DeviceNote = device.Note;
        Weights = device.Weights;
        Network = new TunaNetwork(config, weights);
        Slots = new SlotPool(Network, _backend);
    }

    /// <summary>The name of its directory.</summary>
    public string Name { get; }

    /// <summary>Its sizes, constants and default settings.</summary>
    public ModelConfig Config { get; }

    /// <summary>Its tokenizer.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>The device it is on: "cpu", "cuda:0".</summary>
    public string Device => _backend.Name;

    /// <summary>Why "auto" left a GPU that is there for the CPU; null where it did not. Fit to be shown as a warning.</summary>
    public string? DeviceNote { get; }

    /// <summary>What its matrices are kept as.</summary>
    public WeightFormat Weights { get; }

    /// <summary>Bytes of its weights on the device.</summary>
    public long WeightBytes => _weights.Bytes;

    /// <summary>Bytes of its device's memory that can still be had; null where nobody can tell.</summary>
    public long? AvailableBytes => _backend.AvailableBytes;

    internal TunaTokens Tokens { get; }

    internal TunaNetwork Network { get; }

    internal IBackend Backend => _backend;

    internal SlotPool Slots { get; }

    /// <summary>The VAE for clips of a size in pixels.</summary>
    /// <exception cref="ModelException">The model has none.</exception>
    internal VaeCodec NewVaeCodec(int height, int width) => Config.Vae is { } vae && _weights.Vae is { } weights
        ? new(vae, weights, _backend, height, width)
        : throw new ModelException($"variant {Config.Variant.Name()} has no VAE");

    /// <summary>
    /// Loads a model directory: config.json, which says the family; tokenizer.json; model*.safetensors, and of variant
    /// <c>tuna</c> the VAE among them or in a file of its own (<see cref="Checkpoint.VaeName"/>, <see cref="Checkpoint.WanVaeName"/>,
    /// <see cref="Checkpoint.WanVaeTorchName"/>).
    /// Every tensor is checked against the manifest before the first is read.
    /// </summary>
    /// <param name="directory">The model directory.</param>
    /// <param name="options">Device and precision; null for the defaults.</param>
    /// <param name="progress">Told as weights are read, on the loading thread; what it throws ends loading and comes out of it.</param>
    /// <param name="cancellation">Stops loading within a few megabytes; nothing stays behind.</param>
    /// <returns>The model; dispose it when its last session has been made.</returns>
    /// <exception cref="ArgumentException">There is no directory: it is null or empty.</exception>
    /// <exception cref="ModelException">Something is missing, damaged or of another model; the message names it.</exception>
    /// <exception cref="DeviceException">The device is not there, or has too little memory.</exception>
    /// <exception cref="RequestException">The options make no sense.</exception>
    /// <exception cref="OperationCanceledException">Loading was cancelled.</exception>
    public static Task<TunaModel> LoadAsync(string directory, TunaModelOptions? options = null, IProgress<LoadProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        return LoadAsync(() => ModelFiles.Of(directory), () => DeviceSelection.Open(options ?? new()), progress, cancellation);
    }

    /// <summary>
    /// A model of a known shape with weights nobody trained, made on the device and never in a file: for measuring. Its weights follow
    /// from the shape alone (bench/peers/weights_hash.py), its tokenizer is a stand-in.
    /// </summary>
    /// <param name="shape">The shape, one of <see cref="WeightsManifest.Checkpoints"/>.</param>
    /// <param name="options">Device and precision; null for the defaults.</param>
    /// <param name="progress">Told as weights are made, on the making thread.</param>
    /// <param name="cancellation">Stops between tensors; nothing stays behind.</param>
    /// <exception cref="DeviceException">The device is not there, or has too little memory.</exception>
    /// <exception cref="RequestException">The options make no sense.</exception>
    /// <exception cref="OperationCanceledException">Making was cancelled.</exception>
    public static Task<TunaModel> MakeRandomAsync(
        ManifestCheckpoint shape, TunaModelOptions? options = null, IProgress<LoadProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return MakeRandomAsync(shape, () => DeviceSelection.Open(options ?? new()), progress, cancellation);
    }

    /// <summary>As the public one, on a backend the model will own.</summary>
    internal static Task<TunaModel> MakeRandomAsync(ManifestCheckpoint shape, Func<DeviceSelection> open, IProgress<LoadProgress>? progress, CancellationToken cancellation) =>
        Task.Factory.StartNew(
            () => Opened(shape.Name, open, (ref DeviceSelection device) => MakeRandom(shape, ref device, progress, cancellation)),
            cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>
    /// A model directory's config, for checking a request before the weights, which may take minutes, are read. What is wrong with
    /// the directory is said as <see cref="LoadAsync(string, TunaModelOptions?, IProgress{LoadProgress}?, CancellationToken)"/> says it.
    /// </summary>
    /// <param name="directory">The model directory.</param>
    /// <exception cref="ArgumentException">There is no directory: it is null or empty.</exception>
    /// <exception cref="ModelException">There is no such directory, it lacks a file, or its config makes no sense.</exception>
    public static ModelConfig ReadConfig(string directory)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        return ModelConfig.Load(ModelFiles.Of(directory).Config);
    }

    /// <summary>Loads a model whose files lie apart, as parity directories have them, on a backend the model will own.</summary>
    internal static Task<TunaModel> LoadAsync(ModelFiles files, Func<DeviceSelection> open, IProgress<LoadProgress>? progress, CancellationToken cancellation) =>
        LoadAsync(() => files, open, progress, cancellation);

    private static Task<TunaModel> LoadAsync(Func<ModelFiles> files, Func<DeviceSelection> open, IProgress<LoadProgress>? progress, CancellationToken cancellation) =>
        Task.Factory.StartNew(
            () =>
            {
                var found = files();
                return Opened(found.Name, open, (ref DeviceSelection device) => Load(found, ref device, progress, cancellation));
            },
            cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>A new session: buffers of its own over the shared weights. Several may run at once.</summary>
    /// <exception cref="ObjectDisposedException">The model was disposed.</exception>
    public TunaSession CreateSession()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _users++;
        }
        return new TunaSession(this);
    }

    /// <summary>
    /// Makes no more sessions. Those there are keep working; the weights are freed with the last of them, or at once when
    /// there is none. Never throws; further calls do nothing.
    /// </summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
                return;
            _disposed = true;
        }
        Release();
    }

    /// <summary>Called by a session when it is disposed.</summary>
    internal void Release()
    {
        lock (_lock)
        {
            if (--_users > 0)
                return;
        }
        Slots.Dispose();
        _weights.Dispose();
        _backend.Dispose();
    }

    /// <summary>
    /// Frees what requests left to be used again by later ones: on a GPU, activations, keys and values, and captured steps of
    /// the sizes asked for so far, of pictures and of answers. Requests that run, and conversations, keep theirs; the next ones take
    /// longer to begin.
    /// </summary>
    public void TrimMemory() => Slots.Trim();

    /// <summary>
    /// Makes ready what the first picture of a size would wait for: compiles kernels, takes memory and, on a GPU, captures the
    /// steps. On the CPU nothing has to be made ready; that there is enough memory is tried.
    /// </summary>
    /// <param name="options">The size, whether there is guidance, and the batch; null for the model's defaults.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="RequestException">An option is out of range.</exception>
    /// <exception cref="DeviceException">There is not enough memory, or a kernel cannot be compiled.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The model was disposed.</exception>
    public async Task WarmUpAsync(ImageOptions? options = null, CancellationToken cancellation = default)
    {
        using var session = CreateSession();
        var request = ImageRequest.Of(ImageTask.Generate, options ?? new(), Config);
        await Task.Factory.StartNew(() => new ImageJob(this, request, "", null).WarmUp(cancellation), cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default)
            .ConfigureAwait(false);
    }

    /// <summary>Makes a model on the device it is given; on another where that one will not do.</summary>
    private delegate TunaModel Maker(ref DeviceSelection device);

    private static TunaModel Opened(string name, Func<DeviceSelection> open, Maker make)
    {
        var device = open();
        try
        {
            return make(ref device);
        }
        catch (OutOfMemoryException e)
        {
            device.Backend.Dispose();
            throw new DeviceException($"not enough memory to load {name}", e);
        }
        catch
        {
            device.Backend.Dispose();
            throw;
        }
    }

    /// <summary>Small parts first, so that what is wrong with them shows before gigabytes are read.</summary>
    private static TunaModel Load(ModelFiles files, ref DeviceSelection device, IProgress<LoadProgress>? progress, CancellationToken cancellation)
    {
        var config = ModelConfig.Load(files.Config);
        var tokenizer = Tokenizer.Load(files.Tokenizer);
        if (tokenizer.VocabularySize > config.VocabSize)
            throw new ModelException($"{files.Tokenizer}: has {tokenizer.VocabularySize} tokens, more than the model's vocab_size of {config.VocabSize}");
        var tokens = TokensOf(tokenizer, files.Tokenizer);
        cancellation.ThrowIfCancellationRequested();
        using var checkpoint = Checkpoint.Open(files.Weights);
        WeightsManifest.Check(config, checkpoint);
        Settle(files.Name, config, checkpoint, ref device);
        return new TunaModel(files.Name, config, tokenizer, tokens, device, TunaWeights.Load(config, checkpoint, device.Backend, device.Weights, progress, cancellation));
    }

    private static TunaModel MakeRandom(ManifestCheckpoint shape, ref DeviceSelection device, IProgress<LoadProgress>? progress, CancellationToken cancellation)
    {
        var config = shape.Config;
        using var declared = Checkpoint.Declared(shape.Name, WeightsManifest.Expect(config));
        Settle(shape.Name, config, declared, ref device);
        var tokenizer = Tokenizer.StandIn(config.VocabSize);
        return new TunaModel(shape.Name, config, tokenizer, TunaTokens.Of(tokenizer), device, TunaWeights.Make(config, declared, device.Backend, device.Weights, progress, cancellation));
    }

    /// <summary>Takes another device where the model cannot run on this one and the user let the engine choose.</summary>
    private static void Settle(string name, ModelConfig config, Checkpoint checkpoint, ref DeviceSelection device)
    {
        if (device.Weights != WeightFormat.Stored && device.Backend.MatrixPrecision == Precision.F32)
            throw new RequestException($"weights {device.Weights.Name()} on {device.Backend.Name} want dtype bf16: f32 there is for comparing, with the weights as stored");
        if (Refusal(name, config, checkpoint, device) is not { } refusal)
            return;
        if (device.Otherwise is not { } otherwise)
            throw new DeviceException(refusal);
        device.Backend.Dispose();
        device = otherwise(refusal);
    }

    /// <summary>What is said when a model cannot run on a device: gigabytes are not read only to find that there is no room for them, or to be killed for taking it.</summary>
    private static string? Refusal(string name, ModelConfig config, Checkpoint checkpoint, DeviceSelection device)
    {
        var backend = device.Backend;
        if (backend.AvailableBytes is not { } available)
            return null;
        var least = MemoryEstimate.Least(config, checkpoint, backend, device.Weights);
        // Of the process, what is not there yet is little beside a model.
        var needed = least.TotalBytes - least.ProcessBytes;
        return needed <= available ? null
            : $"not enough memory for {name} on {backend.Name}: its weights take {ByteCount.Of(least.WeightBytes)} and the smallest request {ByteCount.Of(needed - least.WeightBytes)}, "
            + $"{ByteCount.Of(available)} can be had; free some, {(device.Weights == WeightFormat.Int4 ? "" : "quantize the weights, ")}or take a smaller model or a larger machine";
    }

    private static TunaTokens TokensOf(Tokenizer tokenizer, string path)
    {
        try
        {
            return TunaTokens.Of(tokenizer);
        }
        catch (ModelException e)
        {
            throw new ModelException($"{path}: {e.Message}", e);
        }
    }
}
