using Tuna2.Engine.Cpu;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Sampling;
using Tuna2.Engine.Text;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Models;

/// <summary>
/// What a request takes on the CPU, in bytes, counted without reading a weight by planning the very graphs that would run.
/// What the backend is asked for is exact; what the process takes beside it is measured (docs/memory.md).
/// </summary>
/// <param name="WeightBytes">The weights, shared by all sessions of a model.</param>
/// <param name="ActivationBytes">The arena the activations are planned into.</param>
/// <param name="NaiveActivationBytes">Activations if every value had memory of its own: for comparison, never taken.</param>
/// <param name="KeyValueBytes">Keys and values, in the language model and in the flow head.</param>
/// <param name="TableBytes">Tables of times and the solver's pictures.</param>
/// <param name="VaeBytes">What the VAE takes to decode, or to encode what is asked about; none where pixels are denoised.</param>
/// <param name="ProcessBytes">The process itself: .NET, the tokenizer, working memory of threads, pictures on their way in and out.</param>
public sealed record MemoryEstimate(
    long WeightBytes, long ActivationBytes, long NaiveActivationBytes, long KeyValueBytes, long TableBytes, long VaeBytes, long ProcessBytes)
{
    /// <summary>.NET with this library and its native parts, started and warm.</summary>
    private const long RuntimeBytes = 80L << 20;

    /// <summary>A token's texts, bytes and merge in the tokenizer's tables.</summary>
    private const long BytesPerToken = 600;

    /// <summary>Times a state's values are in managed memory at once: noise, result, and what is made of it.</summary>
    private const int StateCopies = 4;

    /// <summary>Times a decoded clip's bytes are: its frames, and the file they are written into while it grows.</summary>
    private const int FileCopies = 4;

    /// <summary>Times the pixels that pass through the VAE are: as read from it, as joined, as bytes.</summary>
    private const int PieceCopies = 3;

    private const int Colours = 3;

    /// <summary>Everything that is taken at once; of a question to a model with a VAE, a little more: that is given back before the answer begins.</summary>
    public long TotalBytes => WeightBytes + ActivationBytes + KeyValueBytes + TableBytes + VaeBytes + ProcessBytes;

    /// <summary>Counts for a picture from text.</summary>
    /// <param name="config">The config of a model this version runs.</param>
    /// <param name="checkpoint">Its weights; only shapes are looked at.</param>
    /// <param name="options">Size, steps, guidance, count and batch count; null for the model's defaults.</param>
    /// <param name="promptTokens">Tokens of the prompt or instruction; a picture drawn again has none.</param>
    /// <param name="negativeTokens">Tokens of the negative prompt; null for as many as the prompt's.</param>
    /// <param name="threads">CPU threads; 0 for one per processor.</param>
    /// <param name="weights">What the matrices are kept as.</param>
    /// <exception cref="RequestException">An option is out of range, or there are too many tokens.</exception>
    /// <exception cref="ModelException">The checkpoint lacks a tensor.</exception>
    public static MemoryEstimate Generate(
        ModelConfig config, Checkpoint checkpoint, ImageOptions? options = null, int promptTokens = 128, int? negativeTokens = null, int threads = 0, WeightFormat weights = WeightFormat.Stored) =>
        Picture(ImageTask.Generate, config, checkpoint, options, promptTokens, negativeTokens, threads, weights);

    /// <summary>As <see cref="Generate"/>, for a clip from text.</summary>
    /// <exception cref="RequestException">The model makes no clips, an option is out of range, or there are too many tokens.</exception>
    /// <inheritdoc cref="Generate"/>
    public static MemoryEstimate Video(
        ModelConfig config, Checkpoint checkpoint, VideoOptions? options = null, int promptTokens = 128, int? negativeTokens = null, int threads = 0, WeightFormat weights = WeightFormat.Stored)
    {
        ArgumentNullException.ThrowIfNull(config);
        return Picture(ImageRequest.Of(options ?? new(), config), config, checkpoint, promptTokens, negativeTokens, threads, weights);
    }

    /// <summary>As <see cref="Generate"/>, for an edit.</summary>
    /// <inheritdoc cref="Generate"/>
    public static MemoryEstimate Edit(
        ModelConfig config, Checkpoint checkpoint, ImageOptions? options = null, int promptTokens = 128, int? negativeTokens = null, int threads = 0, WeightFormat weights = WeightFormat.Stored) =>
        Picture(ImageTask.Edit, config, checkpoint, options, promptTokens, negativeTokens, threads, weights);

    /// <summary>As <see cref="Generate"/>, for a picture drawn again.</summary>
    /// <inheritdoc cref="Generate"/>
    public static MemoryEstimate Reconstruct(
        ModelConfig config, Checkpoint checkpoint, ImageOptions? options = null, int promptTokens = 128, int? negativeTokens = null, int threads = 0, WeightFormat weights = WeightFormat.Stored) =>
        Picture(ImageTask.Reconstruct, config, checkpoint, options, promptTokens, negativeTokens, threads, weights);

    /// <summary>Counts for a question about a picture.</summary>
    /// <param name="config">The config of a model this version runs.</param>
    /// <param name="checkpoint">Its weights; only shapes are looked at.</param>
    /// <param name="options">Size and length of the answer count; null for the defaults.</param>
    /// <param name="promptTokens">Tokens of the chat beside the picture's: system prompt and question.</param>
    /// <param name="threads">CPU threads; 0 for one per processor.</param>
    /// <param name="weights">What the matrices are kept as.</param>
    /// <exception cref="RequestException">An option is out of range, or there are too many tokens.</exception>
    /// <exception cref="ModelException">The checkpoint lacks a tensor.</exception>
    public static MemoryEstimate Ask(ModelConfig config, Checkpoint checkpoint, AskOptions? options = null, int promptTokens = 128, int threads = 0, WeightFormat weights = WeightFormat.Stored)
    {
        ArgumentNullException.ThrowIfNull(config);
        options ??= new();
        var (width, height) = AskRequest.Check(options, config);
        Check("prompt", promptTokens, 1, TunaSession.MaxChatTokens - options.MaxTokens);
        // The image token stands among the prompt's.
        var prompt = PromptLayout.Text([]).WithPicture(_tokens, config.GridOf(width, height)).With(new int[promptTokens - 1]);
        return Of(config, checkpoint, height, width, VaeTiles.Side(options.VaeTile, width, height, config), frames: 1, threads, weights, (network, backend) =>
        {
            using var decoder = new TextDecoder(network, backend);
            decoder.Prepare(prompt, options.MaxTokens, TokenChoice.Greedy);
            return decoder.Memory;
        }, vae => vae.PrepareToEncode(1));
    }

    /// <summary>
    /// The least a loaded model takes, with the smallest request there is: refused before loading where it cannot be had.
    /// </summary>
    /// <param name="config">The model's config.</param>
    /// <param name="checkpoint">Its weights; only shapes are looked at.</param>
    /// <param name="like">The backend whose number formats count.</param>
    /// <param name="weights">What the matrices are kept as.</param>
    internal static MemoryEstimate Least(ModelConfig config, Checkpoint checkpoint, IBackend? like = null, WeightFormat weights = WeightFormat.Stored) =>
        Picture(ImageTask.Generate, config, checkpoint, new() { Width = config.TokenPixels, Height = config.TokenPixels, Steps = 2, Guidance = 1 }, promptTokens: 1, null, threads: 1, weights, like);

    /// <summary>What a model's weights take in a format.</summary>
    /// <param name="config">The model's config.</param>
    /// <param name="checkpoint">Its weights; only shapes are looked at.</param>
    /// <param name="format">What the matrices are kept as.</param>
    /// <exception cref="ModelException">The checkpoint lacks a tensor.</exception>
    public static long WeightsAs(ModelConfig config, Checkpoint checkpoint, WeightFormat format)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(checkpoint);
        using var backend = new CountingBackend(null);
        using var weights = TunaWeights.Place(config, checkpoint, backend, format);
        return weights.Bytes;
    }

    private static readonly TunaTokens _tokens = new(0, 0, 0, 0, 0, 0, Image: 1, 0, 0);

    private static MemoryEstimate Picture(
        ImageTask task, ModelConfig config, Checkpoint checkpoint, ImageOptions? options, int promptTokens, int? negativeTokens, int threads, WeightFormat weights, IBackend? like = null)
    {
        ArgumentNullException.ThrowIfNull(config);
        return Picture(ImageRequest.Of(task, options ?? new(), config), config, checkpoint, promptTokens, negativeTokens, threads, weights, like);
    }

    private static MemoryEstimate Picture(
        ImageRequest request, ModelConfig config, Checkpoint checkpoint, int promptTokens, int? negativeTokens, int threads, WeightFormat weights, IBackend? like = null)
    {
        var task = request.Task;
        var grid = request.Grid(config);
        var most = ImageRequest.PromptLimit(task, grid, config.Variant) ?? TunaSession.MaxChatTokens;
        Check("prompt", promptTokens, 1, most);
        Check("negative prompt", negativeTokens ?? promptTokens, 0, most);
        var (prompt, negative) = (new int[promptTokens], new int[negativeTokens ?? promptTokens]);
        PromptLayout[] branches = task switch
        {
            ImageTask.Edit => [PromptLayout.Edit(_tokens, prompt, grid), PromptLayout.Edit(_tokens, negative, grid)],
            ImageTask.Reconstruct => [PromptLayout.Reconstruct(_tokens, [], grid, config.Variant), PromptLayout.Reconstruct(_tokens, negative, grid, config.Variant)],
            _ => [PromptLayout.TextToImage(_tokens, prompt, grid), PromptLayout.TextToImage(_tokens, negative, grid)],
        };
        var plan = request.Plan(config, request.Guidance.Needed ? branches : branches[..1]);
        return Of(config, checkpoint, request.Height, request.Width, request.VaeTile, request.Frames, threads, weights, (network, backend) =>
        {
            var together = Enumerable.Repeat(plan, request.Together(request.Count, backend)).ToArray();
            using var predictor = new PrefixPredictor(network, backend, PredictorRoom.For([together], backend));
            return predictor.Memory;
        }, vae => vae.PrepareToDecode(plan.Frames), like, request.Together(request.Count, like));
    }

    private static MemoryEstimate Of(
        ModelConfig config, Checkpoint checkpoint, int height, int width, int? vaeTile, int frames, int threads, WeightFormat format, Func<TunaNetwork, IBackend, SessionMemory> request, Action<VaeCodec> prepare, IBackend? like = null, int together = 1)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        if (threads is < 0 or > CpuBackend.MaxThreads)
            throw new RequestException($"threads must be 1 to {CpuBackend.MaxThreads}, or 0 for one per processor, not {threads}");
        using var backend = new CountingBackend(like);
        using var weights = TunaWeights.Place(config, checkpoint, backend, format);
        var memory = request(new TunaNetwork(config, weights), backend);
        var (vaeBytes, pictureBytes, plans) = weights.Vae is null
            ? (0L, (long)together * height * width * Colours * sizeof(float) * StateCopies, memory.Plans)
            : OfVae(config.Vae!, weights.Vae);
        if (threads == 0)
            threads = Environment.ProcessorCount;
        var process = RuntimeBytes + config.VocabSize * BytesPerToken + plans.Max(plan => CpuBackend.ScratchBytes(plan, threads)) + pictureBytes;
        return new(weights.Bytes, memory.Activations, memory.NaiveActivations, memory.KeyValues, memory.Tables, vaeBytes, process);

        (long Vae, long Pictures, IReadOnlyList<Plan> Plans) OfVae(VaeConfig vae, VaeWeights vaeWeights)
        {
            VaeTiles cells = VaeTiles.Of(vae, width, height, vaeTile), pixels = cells.In(vae.SpatialFactor);
            using var codec = new VaeCodec(vae, vaeWeights, backend, pixels.Down.TileUnits, pixels.Across.TileUnits);
            prepare(codec);
            long frame = (long)height * width * Colours, state = (long)vae.ZDim * vae.LatentFrames(frames) * cells.Down.Length * cells.Across.Length;
            var seams = pixels.IsWhole ? 0 : TileBlend.SeamBytes(pixels.Down, pixels.Across, Colours);
            return (codec.Bytes,
                frames * (frame * FileCopies + seams) + Math.Min(frames, vae.TemporalFactor) * frame * sizeof(float) * PieceCopies + together * state * sizeof(float) * StateCopies,
                [.. memory.Plans, .. codec.Plans]);
        }
    }

    private static void Check(string what, int tokens, int least, int most)
    {
        if (tokens < least || tokens > most)
            throw new RequestException($"the number of {what} tokens must be {least} to {most}, not {tokens}");
    }

    /// <summary>Gives out memory that is not there: for counting.</summary>
    /// <param name="like">Whose number formats and habits to have; null for the CPU's.</param>
    private sealed class CountingBackend(IBackend? like) : IBackend
    {
        public string Name => "none";

        public int ActivationBytes => like?.ActivationBytes ?? sizeof(float);

        public Precision? MatrixPrecision => like?.MatrixPrecision;

        public bool KeepsSlots => like?.KeepsSlots ?? false;

        public bool FusesSwiGlu(MatMul product) => like?.FusesSwiGlu(product) ?? true;

        public bool RowsDecideBits => like?.RowsDecideBits ?? false;

        public IDeviceBuffer Allocate(long bytes, string what) => new Nothing(bytes);

        public void Upload(ReadOnlySpan<byte> source, IDeviceBuffer destination, long offset) => throw NotHere();

        public void Download(IDeviceBuffer source, long offset, Span<byte> destination) => throw NotHere();

        public GraphProgram Prepare(Plan plan, IMemoryMap memory, BatchBounds bounds) => throw NotHere();

        public void Dispose() { }

        private static InvalidOperationException NotHere() => new("a counting backend computes nothing");

        private sealed record Nothing(long Bytes) : IDeviceBuffer
        {
            public void Dispose() { }
        }
    }
}
