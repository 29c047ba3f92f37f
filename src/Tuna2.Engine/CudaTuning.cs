using Tuna2.Engine.Cuda;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Models;

namespace Tuna2.Engine;

/// <summary>A product that was tuned.</summary>
/// <param name="Product">The product: "2050x4608x3584 bf16, bias".</param>
/// <param name="Microseconds">Of the fastest algorithm.</param>
/// <param name="HeuristicMicroseconds">Of the one cuBLASLt advises.</param>
/// <param name="Flops">Floating-point operations.</param>
public readonly record struct TuningResult(string Product, double Microseconds, double HeuristicMicroseconds, long Flops);

/// <summary>
/// Times cuBLASLt's algorithms for the products of a model's denoising step, and stores the fastest in a file for
/// <see cref="TunaModelOptions.Tuning"/>. A picture made with a tuning names it: other algorithms round in other places.
/// </summary>
public static class CudaTuning
{
    /// <summary>Tunes and writes the file, all of it or nothing.</summary>
    /// <param name="config">The model's sizes.</param>
    /// <param name="width">Columns of the pictures, in pixels.</param>
    /// <param name="height">Rows of the pictures.</param>
    /// <param name="device">The N of cuda:N.</param>
    /// <param name="path">The file.</param>
    /// <param name="batch">Pictures that are stepped together.</param>
    /// <param name="weights">What the matrices are kept as: stored or fp8; whole numbers are multiplied by our own kernels.</param>
    /// <param name="progress">Told each product as it is done.</param>
    /// <param name="cancellation">Seen between algorithms; nothing is written.</param>
    /// <exception cref="RequestException">The picture's sides are not multiples of the patch size, the batch is out of range, or the weights are whole numbers.</exception>
    /// <exception cref="DeviceException">There is no such device, no cuBLASLt, none that multiplies eight-bit floats where the weights are those, or too little memory.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static IReadOnlyList<TuningResult> Run(
        ModelConfig config, int width, int height, int device, string path, int batch = 1, WeightFormat weights = WeightFormat.Stored, IProgress<TuningResult>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(path);
        var shapes = Shapes(config, width, height, batch, weights);
        var driver = CudaDriver.Load();
        using var context = new CudaContext(driver.Device(device));
        using var stream = new CudaStream(context);
        using var lt = new CublasLtHandle(context, CublasLtLibrary.Load(driver));
        Check(weights, lt);
        using var queue = new CudaQueue(stream);
        var tuner = new ProductTuner(lt, queue);
        var tuned = new List<TunedProduct>();
        var results = new List<TuningResult>();
        foreach (var shape in shapes)
        {
            cancellation.ThrowIfCancellationRequested();
            if (tuner.Tune(shape, cancellation) is not { } product)
                continue;
            tuned.Add(product);
            results.Add(new(shape.ToString(), product.Microseconds, product.HeuristicMicroseconds, shape.Cost.Flops));
            progress?.Report(results[^1]);
        }
        ProductTuning.Write(path, lt, tuned);
        return results;
    }

    /// <summary>
    /// Refuses what would tune products that are not computed: those of eight-bit floats are our own kernel's where the library or the GPU has
    /// no scales for their rows.
    /// </summary>
    internal static void Check(WeightFormat weights, CublasLtHandle lt)
    {
        if (weights == WeightFormat.Fp8 && !lt.HasRowScales)
            throw new DeviceException(
                $"fp8: cuBLASLt {lt.Library.Version} on {lt.Context.Device.Name}, compute capability {lt.Context.Device.Capability}, has no products of eight-bit floats with a scale a row (12.9 on 9.0 has), so there is nothing to tune");
    }

    /// <summary>
    /// The products of a step of so many pictures that cuBLASLt computes, with guidance and without: those of the LLM, those of the flow head that have no
    /// gate, and SigLIP's.
    /// </summary>
    internal static IReadOnlyList<ProductShape> Shapes(ModelConfig config, int width, int height, int batch = 1, WeightFormat weights = WeightFormat.Stored)
    {
        if (weights is WeightFormat.Int8 or WeightFormat.Int4)
            throw new RequestException($"{weights.Name()}: products with such weights are this engine's own kernels', which have nothing to tune; stored and fp8 have");
        if (batch is < 1 or > ImageRequest.MaxBatch)
            throw new RequestException($"batch must be 1 to {ImageRequest.MaxBatch}, not {batch}");
        if (width <= 0 || height <= 0 || width % config.TokenPixels != 0 || height % config.TokenPixels != 0)
            throw new RequestException($"{width}x{height}: the model's pictures have sides that are multiples of {config.TokenPixels}");
        var span = 1 + config.GridOf(width, height).Count; // the time token, and the patches
        var llm = new AttentionShape(config.NumAttentionHeads, config.NumKeyValueHeads, config.HeadDim);
        var head = new AttentionShape(config.FlowHead.NumAttentionHeads, config.FlowHead.NumKeyValueHeads, config.FlowHead.HeadDim);
        return
        [
            .. new[] { 2 * batch * span, batch * span }.SelectMany(rows => (ProductShape[])
            [
                .. Elements(config.NumHiddenLayers).SelectMany(element => new[]
                {
                    Product(rows, llm.QkvColumns, config.HiddenSize, bias: true) with { Element = element },
                    Product(rows, config.HiddenSize, llm.QueryColumns, residual: true) with { Element = element },
                    Product(rows, 2 * config.IntermediateSize, config.HiddenSize) with { Element = element },
                    Product(rows, config.HiddenSize, config.IntermediateSize, residual: true) with { Element = element },
                }),
                .. Elements(config.FlowHead.NumLayers).Select(element => Product(rows, head.QkvColumns, config.HiddenSize) with { Element = element }),
                Product(rows, config.PatchValues, config.HiddenSize, bias: true),
            ]).Where(shape => ProductPlan.Has(shape)).Distinct(),
            .. config.Siglip is not { } siglip ? [] : new[] { 2 * batch * (span - 1), batch * (span - 1) }.SelectMany(rows => new[]
            {
                Product(rows, siglip.HiddenSize, config.PatchValues, bias: true, residual: true),
                Product(rows, 3 * siglip.HiddenSize, siglip.HiddenSize, bias: true),
                Product(rows, siglip.HiddenSize, siglip.HiddenSize, bias: true, residual: true),
                Product(rows, siglip.IntermediateSize, siglip.HiddenSize, bias: true, activation: Activation.GeluTanh),
                Product(rows, siglip.HiddenSize, siglip.IntermediateSize, bias: true, residual: true),
                Product(rows, config.HiddenSize, config.HiddenSize, bias: true),
            }),
        ];

        // The layer at an end may be kept where the others are not.
        IEnumerable<ElementType> Elements(int layers) => new[] { MatrixRole.Layer, MatrixRole.EndLayer }[(layers > 1 ? 0 : 1)..]
            .Select(role => role.In(weights) is null ? ElementType.BF16 : ElementType.E4M3).Distinct();

        static ProductShape Product(int rows, int n, int k, bool bias = false, bool residual = false, Activation activation = Activation.None) =>
            new(rows, n, k, ElementType.BF16, ElementType.BF16, bias, residual, activation);
    }
}
