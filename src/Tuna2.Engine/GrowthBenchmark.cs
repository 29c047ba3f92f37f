using System.Numerics;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Models;
using Tuna2.Engine.Sampling;

namespace Tuna2.Engine;

/// <summary>A denoising step at a size.</summary>
/// <param name="Axis">What grows: "tokens", "batch" or "prefix".</param>
/// <param name="Tokens">Tokens of the picture.</param>
/// <param name="Batch">Pictures stepped together.</param>
/// <param name="Prefix">Tokens before the picture in each branch: the prompt with what frames it.</param>
/// <param name="Seconds">Seconds of a step with guidance, the median of the rounds.</param>
/// <param name="Low">The fastest round.</param>
/// <param name="High">The slowest round.</param>
/// <param name="Flops">Floating-point operations of its products, at least.</param>
/// <param name="Bytes">Bytes its products must move, at least.</param>
/// <param name="Exponent">Of the growth from the size before to this one; null at an axis's first.</param>
public sealed record GrowthRow(string Axis, int Tokens, int Batch, int Prefix, double Seconds, double Low, double High, long Flops, long Bytes, double? Exponent)
{
    /// <summary>The axes, in the order they are measured.</summary>
    public static IReadOnlyList<string> Axes { get; } = ["tokens", "batch", "prefix"];

    /// <summary>Its size on its axis.</summary>
    public int Size => Axis switch { "tokens" => Tokens, "batch" => Batch, _ => Prefix };
}

/// <summary>
/// How a denoising step's time grows with the picture's tokens, with pictures stepped together and with the tokens before the picture. A step is two
/// branches, as <see cref="ModelBenchmark"/> times it; one size grows, the others stay.
/// </summary>
/// <param name="model">The model; not otherwise in use meanwhile.</param>
/// <param name="options">Sizes and rounds; null for the defaults.</param>
public sealed class GrowthBenchmark(TunaModel model, GrowthOptions? options = null)
{
    private const int Sizes = GrowthOptions.Sizes;

    private readonly GrowthOptions _options = (options ?? new()).Validated();

    /// <summary>What activations are computed in: "float32" or "bfloat16".</summary>
    public string Compute => model.Backend.ActivationBytes == sizeof(float) ? "float32" : "bfloat16";

    /// <summary>Measures.</summary>
    /// <param name="progress">Told each row as it is done, on the measuring thread.</param>
    /// <param name="cancellation">Seen between ops.</param>
    /// <exception cref="RequestException">An option is out of range.</exception>
    /// <exception cref="DeviceException">There is not enough memory for a size; the rows before it were reported.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public IReadOnlyList<GrowthRow> Run(IProgress<GrowthRow>? progress = null, CancellationToken cancellation = default)
    {
        int tokens = _options.MaxTokens / 4, prompt = _options.MaxPrefix / GrowthOptions.LeastPrefix;
        var rows = new List<GrowthRow>();
        Measure("tokens", Enumerable.Range(0, Sizes).Select(i => (_options.MaxTokens >> (Sizes - 1 - i), 1, prompt)));
        Measure("batch", Enumerable.Range(0, 1 + BitOperations.Log2((uint)_options.MaxBatch)).Select(i => (tokens, 1 << i, prompt)));
        Measure("prefix", Enumerable.Range(0, Sizes).Select(i => (tokens, 1, i == 0 ? 0 : _options.MaxPrefix >> (Sizes - 1 - i))));
        return rows;

        void Measure(string axis, IEnumerable<(int Tokens, int Batch, int Prompt)> sizes)
        {
            GrowthRow? before = null;
            foreach (var size in sizes)
            {
                var row = Step(axis, size.Tokens, size.Batch, size.Prompt, cancellation);
                if (before is not null)
                    row = row with { Exponent = PowerLaw.Fit([(before.Size, before.Seconds), (row.Size, row.Seconds)])?.Exponent };
                rows.Add(before = row);
                progress?.Report(row);
            }
        }
    }

    /// <summary>The power law that is nearest to an axis's rows; null where there are not two sizes.</summary>
    public static PowerLaw? Law(IEnumerable<GrowthRow> rows, string axis) => PowerLaw.Fit(rows.Where(r => r.Axis == axis).Select(r => ((double)r.Size, r.Seconds)));

    private GrowthRow Step(string axis, int tokens, int batch, int prompt, CancellationToken cancellation)
    {
        var config = model.Config;
        // Square, or twice as wide as high.
        var across = 1 << (BitOperations.Log2((uint)tokens) + 1) / 2;
        var request = ImageRequest.Of(ImageTask.Generate, new()
        {
            Width = across * config.TokenPixels, Height = tokens / across * config.TokenPixels, Guidance = 3, Sampler = SamplerKind.Euler, Steps = _options.Steps + 1 - config.Moves(1),
        }, config);
        // Two that are the same, but are not one prompt: each is computed.
        PromptLayout[] layouts = [.. Enumerable.Range(0, 2).Select(_ => PromptLayout.TextToImage(model.Tokens, new int[prompt], request.Grid(config)))];
        var plan = request.Plan(config, layouts);
        DenoisePlan[] plans = [.. Enumerable.Repeat(plan, batch)];
        using var predictor = new PrefixPredictor(model.Network, model.Backend, PredictorRoom.For([plans], model.Backend));
        var noise = new float[config.ImageChannels * plan.Height * plan.Width];
        new TorchRandom(1).FillNormal(noise);
        float[][] starts = [.. Enumerable.Repeat(noise, batch)];
        predictor.Begin(plans, cancellation);
        var seconds = ModelBenchmark.Timed(_options.Rounds, _options.Steps, () =>
        {
            predictor.Start(starts);
            for (var i = 0; i < _options.Steps; i++)
                predictor.Evaluate(cancellation);
            predictor.ReadPicture(); // waits for the device
        });
        var (flops, bytes) = ModelBenchmark.CostOf(predictor.Graphs.Skip(2), model.Backend.ActivationBytes);
        return new(axis, request.Grid(config).Count, batch, layouts[0].Target.Offset, seconds[seconds.Length / 2], seconds[0], seconds[^1], flops, bytes, null);
    }
}
