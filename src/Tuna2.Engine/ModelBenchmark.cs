using System.Diagnostics;
using System.Globalization;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Models;
using Tuna2.Engine.Sampling;

namespace Tuna2.Engine;

/// <summary>
/// Times a loaded model through the engine itself: the prefix, a denoising step with guidance, of a model with a VAE a picture through it and back,
/// a token of an answer, a picture. A round is many of a kind, ended by reading what came out, so that a device which runs behind its host is waited for; the first round is not counted.
/// What it must move and compute is counted from the very graphs that ran.
/// </summary>
/// <param name="model">The model; not otherwise in use meanwhile.</param>
/// <param name="options">Sizes and rounds; null for the defaults.</param>
public sealed class ModelBenchmark(TunaModel model, BenchmarkOptions? options = null)
{
    private const int MaxTokens = 4096, MaxCount = 1000, CopyRounds = 5, DeviceCopies = 10;
    private const long CopyBytes = 1L << 28;

    private readonly BenchmarkOptions _options = Checked(options ?? new());
    private readonly List<BenchmarkKernel> _kernels = [];
    private BenchmarkPeaks? _peaks;

    /// <summary>Measures.</summary>
    /// <param name="progress">Told each row as it is done, on the measuring thread.</param>
    /// <param name="cancellation">Seen between ops.</param>
    /// <exception cref="RequestException">An option is out of range.</exception>
    /// <exception cref="DeviceException">There is not enough memory.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public IReadOnlyList<BenchmarkRow> Run(IProgress<BenchmarkRow>? progress = null, CancellationToken cancellation = default)
    {
        _kernels.Clear();
        var rows = new List<BenchmarkRow>();
        foreach (var row in Picture(cancellation).Concat(Latents(cancellation)).Concat(Answer(cancellation)).Concat(WholePictures(cancellation)))
        {
            rows.Add(row);
            progress?.Report(row);
        }
        return rows;
    }

    /// <summary>What the device does at most; its memory is measured when this is first asked for.</summary>
    public BenchmarkPeaks Peaks => _peaks ??= model.Backend switch
    {
        CpuBackend cpu => new(CopyOnCpu(cpu), null),
        CudaBackend cuda when Roofline.Of(CopyOnDevice(cuda), cuda.Device) is var roofline =>
            new(roofline.BytesPerSecond, cuda.ActivationBytes == sizeof(float) ? roofline.VectorFlopsPerSecond : roofline.TensorFlopsPerSecond),
        var other => throw new NotSupportedException($"{other.Name} cannot be measured"),
    };

    /// <summary>Kernels of one step and of one token, each launched by itself: the longest first. Empty before <see cref="Run"/>.</summary>
    public IReadOnlyList<BenchmarkKernel> Kernels => _kernels;

    /// <summary>Bytes a picture took beside the weights, its latent's decoder among them. 0 before <see cref="Run"/>.</summary>
    public long PictureBytes { get; private set; }

    /// <summary>Bytes an answer took beside the weights. 0 before <see cref="Run"/>.</summary>
    public long AnswerBytes { get; private set; }

    private static double CopyOnCpu(CpuBackend cpu)
    {
        byte[] from = new byte[CopyBytes], to = new byte[CopyBytes];
        from.AsSpan().Fill(1);
        var part = (int)(CopyBytes / cpu.Threads);
        var seconds = Timed(CopyRounds, 1, () => Parallel.For(0, cpu.Threads, new() { MaxDegreeOfParallelism = cpu.Threads }, i => from.AsSpan(i * part, part).CopyTo(to.AsSpan(i * part))));
        return 2.0 * part * cpu.Threads / seconds[seconds.Length / 2];
    }

    private static double CopyOnDevice(CudaBackend cuda)
    {
        using IDeviceBuffer from = cuda.Allocate(CopyBytes, "the copy's source"), to = cuda.Allocate(CopyBytes, "the copy's target");
        var seconds = Timed(CopyRounds, DeviceCopies, () =>
        {
            for (var i = 0; i < DeviceCopies; i++)
                cuda.Copy(from, 0, to, 0, CopyBytes);
            cuda.Download(to, 0, new byte[1]); // waits
        });
        return 2.0 * CopyBytes / seconds[seconds.Length / 2];
    }

    private IEnumerable<BenchmarkRow> Picture(CancellationToken cancellation)
    {
        var config = model.Config;
        var request = ImageRequest.Of(ImageTask.Generate, new() { Width = _options.Width, Height = _options.Height, Guidance = 3, Sampler = SamplerKind.Euler, Steps = _options.Steps + 1 - config.Moves(1) }, config);
        // Two that are the same, but are not one prompt: each is computed.
        PromptLayout[] layouts = [.. Enumerable.Range(0, 2).Select(_ => PromptLayout.TextToImage(model.Tokens, new int[_options.PromptTokens], request.Grid(config)))];
        var plan = request.Plan(config, layouts);
        var noise = new float[config.ImageChannels * plan.Height * plan.Width];
        new TorchRandom(1).FillNormal(noise);
        foreach (var together in Batches)
        {
            DenoisePlan[] plans = [.. Enumerable.Repeat(plan, together)];
            float[][] starts = [.. Enumerable.Repeat(noise, together)];
            using var predictor = new PrefixPredictor(model.Network, model.Backend, PredictorRoom.For([plans], model.Backend));

            // A read waits for the device.
            if (together == 1)
                yield return Row("prefill", string.Create(CultureInfo.InvariantCulture, $"2 x {_options.PromptTokens} tokens"), Timed(_options.Rounds, 1, () =>
                {
                    predictor.Forget();
                    predictor.Begin(plans, cancellation);
                    predictor.ReadPicture();
                }), [.. predictor.Graphs.Take(2), predictor.Graphs.ElementAt(1)]);
            predictor.Begin(plans, cancellation);
            yield return Row("step", string.Create(CultureInfo.InvariantCulture, $"{(together > 1 ? $"{together} x " : "")}{request.Width}x{request.Height}, 2 branches"), Timed(_options.Rounds, _options.Steps, () =>
            {
                predictor.Start(starts);
                for (var i = 0; i < _options.Steps; i++)
                    predictor.Evaluate(cancellation);
                predictor.ReadPicture();
            }), predictor.Graphs.Skip(2));
            if (together > 1)
                continue;
            predictor.Start(starts);
            if (_options.Steps > 1)
                predictor.Evaluate(cancellation);
            _kernels.AddRange(predictor.Profile(cancellation).Select(time => new BenchmarkKernel("step", time)));
            PictureBytes = predictor.Memory.Bytes;
        }
    }

    /// <summary>One picture at a time, then 2, 4, 8 up to as many as are asked for.</summary>
    private IEnumerable<int> Batches
    {
        get
        {
            for (var together = 1; together < _options.Batch; together *= 2)
                yield return together;
            yield return _options.Batch;
        }
    }

    /// <summary>A picture into a latent, and back.</summary>
    private IEnumerable<BenchmarkRow> Latents(CancellationToken cancellation)
    {
        if (model.Config.Vae is null)
            yield break;
        var request = ImageRequest.Of(ImageTask.Generate, new() { Width = _options.Width, Height = _options.Height }, model.Config);
        var detail = string.Create(CultureInfo.InvariantCulture, $"{request.Width}x{request.Height}");
        var pixels = new float[3 * request.Height * request.Width];
        new TorchRandom(1).FillNormal(pixels);
        float[] latent = [];
        // One direction's memory at a time, as requests have it. Both end by reading what came out, which waits for the device.
        using (var encoder = model.NewVaeCodec(request.Height, request.Width))
        {
            encoder.PrepareToEncode(1);
            yield return Row("encode", detail, Timed(_options.Rounds, 1, () => latent = encoder.Encode(pixels, 1, cancellation).Mean), encoder.Plans);
        }
        using var decoder = model.NewVaeCodec(request.Height, request.Width);
        decoder.PrepareToDecode(1);
        PictureBytes += decoder.Bytes;
        yield return Row("decode", detail, Timed(_options.Rounds, 1, () => decoder.Decode(latent, 1, (_, _, _) => { }, cancellation)), decoder.Plans);
    }

    private IEnumerable<BenchmarkRow> Answer(CancellationToken cancellation)
    {
        // Rounds go on where the one before ended: room for all of them.
        using var decoder = new TextDecoder(model.Network, model.Backend);
        _ = decoder.Begin(PromptLayout.Text(new int[_options.PromptTokens]), [], _options.Tokens * (_options.Rounds + 1) + 3, TokenChoice.Greedy, cancellation);
        yield return Row("token", string.Create(CultureInfo.InvariantCulture, $"behind {_options.PromptTokens} tokens"), Timed(_options.Rounds, _options.Tokens, () =>
        {
            for (var i = 0; i < _options.Tokens; i++)
                _ = decoder.Next(cancellation);
        }), decoder.Plans.TakeLast(1));
        _kernels.AddRange(decoder.Profile(cancellation).Select(time => new BenchmarkKernel("token", time)));
        AnswerBytes = decoder.Bytes;
    }

    private IEnumerable<BenchmarkRow> WholePictures(CancellationToken cancellation)
    {
        if (_options.Pictures == 0)
            yield break;
        using var session = model.CreateSession();
        foreach (var together in Batches)
        {
            var options = new ImageOptions { Width = _options.Width, Height = _options.Height, Count = together, Batch = together };
            var request = ImageRequest.Of(ImageTask.Generate, options, model.Config);
            model.WarmUpAsync(options, cancellation).GetAwaiter().GetResult();
            var seconds = new double[_options.Pictures];
            for (var i = 0; i < seconds.Length; i++)
            {
                var begin = Stopwatch.GetTimestamp();
                session.GenerateAsync("a red circle on a blue background", options, null, cancellation).GetAwaiter().GetResult();
                seconds[i] = Stopwatch.GetElapsedTime(begin).TotalSeconds / together;
            }
            Array.Sort(seconds);
            yield return new("picture", string.Create(CultureInfo.InvariantCulture, $"{request.Width}x{request.Height}, {request.Steps} steps{(together > 1 ? $", of {together}" : "")}"),
                seconds[seconds.Length / 2], seconds[0], seconds[^1], 0, 0);
        }
    }

    private BenchmarkRow Row(string name, string detail, double[] seconds, IEnumerable<Plan> plans)
    {
        var (flops, bytes) = CostOf(plans, model.Backend.ActivationBytes);
        return new(name, detail, seconds[seconds.Length / 2], seconds[0], seconds[^1], flops, bytes);
    }

    /// <summary>What the products of graphs must compute and move at least, at the rows of their last run.</summary>
    internal static (long Flops, long Bytes) CostOf(IEnumerable<Plan> plans, int activationBytes)
    {
        long flops = 0, bytes = 0;
        foreach (var op in plans.SelectMany(p => p.Graph.Ops))
            (flops, bytes) = op switch
            {
                MatMul product => (flops + product.Flops, bytes + product.Bytes(activationBytes)),
                Conv3d convolution => (flops + convolution.Flops, bytes + convolution.Bytes),
                _ => (flops, bytes),
            };
        return (flops, bytes);
    }

    /// <summary>Seconds of one of the many of a round, round by round in ascending order; the first round warms.</summary>
    internal static double[] Timed(int rounds, int many, Action round)
    {
        round();
        var seconds = new double[rounds];
        for (var i = 0; i < rounds; i++)
        {
            var begin = Stopwatch.GetTimestamp();
            round();
            seconds[i] = Stopwatch.GetElapsedTime(begin).TotalSeconds / many;
        }
        Array.Sort(seconds);
        return seconds;
    }

    private static BenchmarkOptions Checked(BenchmarkOptions options)
    {
        Within("prompt tokens", options.PromptTokens, MaxTokens);
        Within("steps", options.Steps, MaxCount);
        Within("tokens", options.Tokens, MaxTokens);
        Within("batch", options.Batch, ImageRequest.MaxBatch);
        Within("rounds", options.Rounds, MaxCount);
        Within("pictures", options.Pictures, MaxCount, least: 0);
        return options;

        static void Within(string what, int value, int most, int least = 1)
        {
            if (value < least || value > most)
                throw new RequestException(string.Create(CultureInfo.InvariantCulture, $"{what} must be {least} to {most}, not {value}"));
        }
    }
}
