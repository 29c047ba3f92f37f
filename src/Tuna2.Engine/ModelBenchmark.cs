using System.Diagnostics;
using System.Globalization;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Models;
using Tuna2.Engine.Sampling;

namespace Tuna2.Engine;

/// <summary>
/// Times a loaded model through the engine itself: the prefix, a denoising step with guidance, a token of an answer. A round is many of
/// a kind, ended by reading what came out, so that a device which runs behind its host is waited for; the first round is not counted.
/// What it must move and compute is counted from the very graphs that ran.
/// </summary>
/// <param name="model">The model; not otherwise in use meanwhile.</param>
/// <param name="options">Sizes and rounds; null for the defaults.</param>
public sealed class ModelBenchmark(TunaModel model, BenchmarkOptions? options = null)
{
    private const int MaxTokens = 4096, MaxCount = 1000, CopyRounds = 5;
    private const long CopyBytes = 1L << 28;

    private readonly BenchmarkOptions _options = Checked(options ?? new());

    /// <summary>Measures.</summary>
    /// <param name="progress">Told each row as it is done, on the measuring thread.</param>
    /// <param name="cancellation">Seen between ops.</param>
    /// <exception cref="RequestException">An option is out of range.</exception>
    /// <exception cref="DeviceException">There is not enough memory.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public IReadOnlyList<BenchmarkRow> Run(IProgress<BenchmarkRow>? progress = null, CancellationToken cancellation = default)
    {
        var rows = new List<BenchmarkRow>();
        foreach (var row in Picture(cancellation).Concat(Answer(cancellation)))
        {
            rows.Add(row);
            progress?.Report(row);
        }
        return rows;
    }

    /// <summary>
    /// Bytes read and written per second by a copy of memory that no cache holds, on as many threads: what memory gives at most. Null where
    /// the model is not on the CPU.
    /// </summary>
    public double? CopyBytesPerSecond()
    {
        if (model.Backend is not CpuBackend cpu)
            return null;
        byte[] from = new byte[CopyBytes], to = new byte[CopyBytes];
        from.AsSpan().Fill(1);
        var part = (int)(CopyBytes / cpu.Threads);
        var seconds = Timed(CopyRounds, 1, () => Parallel.For(0, cpu.Threads, new() { MaxDegreeOfParallelism = cpu.Threads }, i => from.AsSpan(i * part, part).CopyTo(to.AsSpan(i * part))));
        return 2.0 * part * cpu.Threads / seconds[seconds.Length / 2];
    }

    private IEnumerable<BenchmarkRow> Picture(CancellationToken cancellation)
    {
        var config = model.Config;
        var request = ImageRequest.Of(ImageTask.Generate, new() { Width = _options.Width, Height = _options.Height, Guidance = 3, Sampler = SamplerKind.Euler, Steps = _options.Steps + 1 - config.Moves(1) }, config);
        var layout = PromptLayout.TextToImage(model.Tokens, new int[_options.PromptTokens], request.Grid(config));
        var plan = request.Plan(config, [layout, layout]);
        using var predictor = new PrefixPredictor(model.Network, model.Backend, PredictorRoom.For(plan, model.Backend));
        var noise = new float[config.ImageChannels * plan.Height * plan.Width];
        new TorchRandom(1).FillNormal(noise);

        // A read waits for the device.
        yield return Row("prefill", string.Create(CultureInfo.InvariantCulture, $"2 x {_options.PromptTokens} tokens"), Timed(_options.Rounds, 1, () =>
        {
            predictor.Begin(plan, [], cancellation);
            predictor.ReadPicture(VelocityStep.StateSlot);
        }), predictor.Plans.Take(2));
        yield return Row("step", string.Create(CultureInfo.InvariantCulture, $"{request.Width}x{request.Height}, 2 branches"), Timed(_options.Rounds, _options.Steps, () =>
        {
            predictor.Start(noise);
            for (var i = 0; i < _options.Steps; i++)
                predictor.Evaluate(cancellation);
            predictor.ReadPicture(VelocityStep.StateSlot);
        }), predictor.Plans.Skip(2));
    }

    private IEnumerable<BenchmarkRow> Answer(CancellationToken cancellation)
    {
        // Rounds go on where the one before ended: room for all of them.
        using var decoder = new TextDecoder(model.Network, model.Backend);
        _ = decoder.Begin(PromptLayout.Text(new int[_options.PromptTokens]), [], _options.Tokens * (_options.Rounds + 1) + 1, TokenChoice.Greedy, cancellation);
        yield return Row("token", string.Create(CultureInfo.InvariantCulture, $"behind {_options.PromptTokens} tokens"), Timed(_options.Rounds, _options.Tokens, () =>
        {
            for (var i = 0; i < _options.Tokens; i++)
                _ = decoder.Next(cancellation);
        }), decoder.Plans);
    }

    private BenchmarkRow Row(string name, string detail, double[] seconds, IEnumerable<Plan> plans)
    {
        long flops = 0, bytes = 0;
        foreach (var product in plans.SelectMany(p => p.Graph.Ops).OfType<MatMul>())
        {
            long rows = product.Input.Rows.Value;
            var activation = model.Backend.ActivationBytes;
            flops += 2 * rows * product.Weight.Count;
            bytes += product.Weight.Count * (product.Weight.Precision == Precision.BF16 ? sizeof(ushort) : sizeof(float))
                + rows * (product.Input.Columns * product.Input.ElementBytes(activation) + product.Output.Columns * product.Output.ElementBytes(activation));
        }
        return new(name, detail, seconds[seconds.Length / 2], seconds[0], seconds[^1], flops, bytes);
    }

    /// <summary>Seconds of one of the many of a round, round by round in ascending order; the first round warms.</summary>
    private static double[] Timed(int rounds, int many, Action round)
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
        Within("rounds", options.Rounds, MaxCount);
        return options;

        static void Within(string what, int value, int most)
        {
            if (value < 1 || value > most)
                throw new RequestException(string.Create(CultureInfo.InvariantCulture, $"{what} must be 1 to {most}, not {value}"));
        }
    }
}
