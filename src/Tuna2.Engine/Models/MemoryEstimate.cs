using Tuna2.Engine.Graph;
using Tuna2.Engine.Sampling;
using Tuna2.Engine.Text;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Models;

/// <summary>What making a picture takes on the CPU, counted by planning the very graphs that would run.</summary>
/// <param name="WeightBytes">The weights.</param>
/// <param name="StateBytes">Keys and values, tables of times, the picture's states: what a request keeps.</param>
/// <param name="NaiveActivationBytes">Activations if every value had memory of its own.</param>
/// <param name="ActivationBytes">The arenas they are planned into.</param>
public sealed record MemoryEstimate(long WeightBytes, long StateBytes, long NaiveActivationBytes, long ActivationBytes)
{
    /// <summary>Counts for a text-to-image request with guidance.</summary>
    /// <param name="config">A Tuna-2 model's config.</param>
    /// <param name="checkpoint">Its weights; only shapes are looked at.</param>
    /// <param name="width">Columns in pixels; null for the model's default.</param>
    /// <param name="height">Rows in pixels; null for the model's default.</param>
    /// <param name="promptTokens">Tokens of the prompt, and of the negative prompt.</param>
    /// <exception cref="RequestException">The size is out of range.</exception>
    /// <exception cref="ModelException">The checkpoint lacks a tensor.</exception>
    public static MemoryEstimate Of(ModelConfig config, Checkpoint checkpoint, int? width, int? height, int promptTokens)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(checkpoint);
        var request = ImageRequest.Of(ImageTask.Generate, new ImageOptions { Width = width, Height = height }, config);
        using var backend = new CountingBackend(null);
        using var weights = Tuna2Weights.Place(config, checkpoint, backend);
        var layout = PromptLayout.TextToImage(new TunaTokens(0, 0, 0, 0, 0, 0, 0, 0, 0), new int[promptTokens], request.Grid(config.PatchSize));
        var plan = new DenoisePlan([layout, layout], request.Height, request.Width, request.Steps, request.Sampler, request.Guidance);
        using var predictor = new PrefixPredictor(new Tuna2Network(config, weights), backend, PredictorRoom.For(plan, backend));
        var memory = predictor.Memory;
        return new(weights.Bytes, memory.KeyValues + memory.Tables, memory.NaiveActivations, memory.Activations);
    }

    /// <summary>The least a loaded model takes on a backend, with the smallest request there is.</summary>
    internal static (long Weights, long Request) Least(ModelConfig config, Checkpoint checkpoint, IBackend like)
    {
        using var backend = new CountingBackend(like);
        using var weights = Tuna2Weights.Place(config, checkpoint, backend);
        var layout = PromptLayout.TextToImage(new TunaTokens(0, 0, 0, 0, 0, 0, 0, 0, 0), [0], new Grid(1, 1, 1));
        var plan = new DenoisePlan([layout], config.PatchSize, config.PatchSize, 1, SamplerKind.Euler, new Guidance(1));
        using var predictor = new PrefixPredictor(new Tuna2Network(config, weights), backend, PredictorRoom.For(plan, backend));
        return (weights.Bytes, predictor.Memory.Bytes);
    }

    /// <summary>Gives out memory that is not there: for counting.</summary>
    /// <param name="like">Whose number formats and habits to have; null for the CPU's.</param>
    private sealed class CountingBackend(IBackend? like) : IBackend
    {
        public string Name => "none";

        public int ActivationBytes => like?.ActivationBytes ?? sizeof(float);

        public Precision? MatrixPrecision => like?.MatrixPrecision;

        public bool KeepsSlots => like?.KeepsSlots ?? false;

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
