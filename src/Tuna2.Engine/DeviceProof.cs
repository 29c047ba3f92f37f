using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Models;
using Tuna2.Engine.Parity;
using Tuna2.Engine.Sampling;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine;

/// <summary>How much <see cref="DeviceProof"/> does.</summary>
public sealed record ProofOptions
{
    /// <summary>Columns of the pictures; null for the model's default. Another picture is half as wide and twice as high.</summary>
    public int? Width { get; init; }

    /// <summary>Rows of the pictures; null for the model's default.</summary>
    public int? Height { get; init; }

    /// <summary>How often a step and a token are computed again, 1 to 100,000.</summary>
    public int Repeats { get; init; } = 250;

    /// <summary>Sessions that end, and sessions that are cancelled: 1 to 100,000 of each.</summary>
    public int Sessions { get; init; } = 200;
}

/// <summary>What came of a check.</summary>
/// <param name="Name">"replay", "repeats", "seed", "together", "batch", "memory", "reference".</param>
/// <param name="Passed">Null where it was not run.</param>
/// <param name="Detail">What was found, or why it was not run.</param>
/// <param name="Seconds">What it took.</param>
public sealed record ProofCheck(string Name, bool? Passed, string Detail, double Seconds);

/// <summary>
/// Whether a device computes a model as the engine promises: captured steps have the bits of plain launches, every repeat and every
/// run of a seed the bits of the first, sessions beside each other those of one after the other, pictures of a batch the same bits in any
/// place of it, memory comes back, and the CPU
/// agrees. For machines with a GPU, where the tests of this repository do not run.
/// </summary>
public static class DeviceProof
{
    private const int Most = 100_000, Seed = 11;

    /// <summary>The most the device may differ from the CPU in float32, relative to the result: that of the references.</summary>
    private const double F32Limit = 1e-4;

    /// <summary>In bfloat16, where only references say what rounding may do: more than this is no rounding.</summary>
    private const double BF16Limit = 0.1;

    private static readonly TokenChoice _drawn = new(0.9f, 50, 0.95f, Seed);

    /// <summary>Checks a model directory's model on a device.</summary>
    /// <param name="directory">The model directory.</param>
    /// <param name="options">Device and precision; null for the defaults.</param>
    /// <param name="proof">How much is done; null for the defaults.</param>
    /// <param name="progress">Told each check as it is done.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="RequestException">An option is out of range.</exception>
    /// <exception cref="ModelException">The model cannot be read.</exception>
    /// <exception cref="DeviceException">The device is not there, or failed.</exception>
    public static Task<IReadOnlyList<ProofCheck>> RunAsync(
        string directory, TunaModelOptions? options = null, ProofOptions? proof = null, IProgress<ProofCheck>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        options ??= new();
        return RunAsync(
            open => TunaModel.LoadAsync(ModelFiles.Of(directory), open, null, cancellation),
            graphs => DeviceSelection.Open(options, CudaOptions.OfEnvironment() with { Graphs = graphs }), proof ?? new(), progress, cancellation);
    }

    /// <summary>As above, of weights nobody trained in a known shape.</summary>
    /// <param name="shape">The shape.</param>
    /// <param name="options">Device and precision; null for the defaults.</param>
    /// <param name="proof">How much is done; null for the defaults.</param>
    /// <param name="progress">Told each check as it is done.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="RequestException">An option is out of range.</exception>
    /// <exception cref="DeviceException">The device is not there, or failed.</exception>
    public static Task<IReadOnlyList<ProofCheck>> RunAsync(
        ManifestCheckpoint shape, TunaModelOptions? options = null, ProofOptions? proof = null, IProgress<ProofCheck>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(shape);
        options ??= new();
        return RunAsync(
            open => TunaModel.MakeRandomAsync(shape, open, null, cancellation),
            graphs => DeviceSelection.Open(options, CudaOptions.OfEnvironment() with { Graphs = graphs }), proof ?? new(), progress, cancellation);
    }

    /// <summary>As the public ones, of a model and a device that the caller opens, with captured steps and without.</summary>
    internal static async Task<IReadOnlyList<ProofCheck>> RunAsync(
        Func<Func<DeviceSelection>, Task<TunaModel>> load, Func<bool, DeviceSelection> open, ProofOptions proof, IProgress<ProofCheck>? progress, CancellationToken cancellation)
    {
        Within("repeats", proof.Repeats);
        Within("sessions", proof.Sessions);
        var checks = new List<ProofCheck>();
        Work captured;
        WeightFormat weights;
        using (var model = await load(() => open(true)).ConfigureAwait(false))
        {
            weights = model.Weights;
            var sizes = SizesOf(model, proof);
            var onCpu = model.Backend is CpuBackend;
            await Check("repeats", () => Task.Run(() => Repeats(model, sizes[0], proof.Repeats, cancellation), cancellation)).ConfigureAwait(false);
            await Check("seed", () => SameSeed(model, sizes, cancellation)).ConfigureAwait(false);
            await Check("together", () => Together(model, sizes, cancellation)).ConfigureAwait(false);
            await Check("batch", () => Batch(model, sizes[0], cancellation)).ConfigureAwait(false);
            if (onCpu)
                NotRun("memory", "the memory of the CPU is shared with other programs");
            else
                await Check("memory", () => Memory(model, sizes[0], proof.Sessions, cancellation)).ConfigureAwait(false);
            captured = await Task.Run(() => WorkOf(model, sizes[0], cancellation), cancellation).ConfigureAwait(false);
            if (onCpu)
            {
                NotRun("replay", "the CPU captures nothing");
                NotRun("reference", "the CPU is the reference");
                return checks;
            }
        }
        await Check("replay", async () =>
        {
            using var model = await load(() => open(false)).ConfigureAwait(false);
            var plain = await Task.Run(() => WorkOf(model, SizesOf(model, proof)[0], cancellation), cancellation).ConfigureAwait(false);
            return Judged(
                captured.Picture.AsSpan().SequenceEqual(plain.Picture) && captured.Tokens.AsSpan().SequenceEqual(plain.Tokens) && captured.Logits.AsSpan().SequenceEqual(plain.Logits)
                    && captured.Latent.AsSpan().SequenceEqual(plain.Latent) && captured.Pixels.AsSpan().SequenceEqual(plain.Pixels),
                $"steps of a picture, {plain.Tokens.Length} tokens and their last logits, captured and launched one by one{(plain.Latent.Length == 0 ? "" : "; the VAE both ways, twice")}");
        }).ConfigureAwait(false);
        await Check("reference", async () =>
        {
            using var model = await load(() => new(new CpuBackend()) { Weights = weights }).ConfigureAwait(false);
            var reference = await Task.Run(() => WorkOf(model, SizesOf(model, proof)[0], cancellation), cancellation).ConfigureAwait(false);
            var limit = captured.ActivationBytes == sizeof(float) ? F32Limit : BF16Limit;
            var (picture, prompt) = (Comparison.Of(captured.Picture, reference.Picture), Comparison.Of(captured.PromptLogits, reference.PromptLogits));
            var (passed, detail) = (picture.Within(limit) && prompt.Within(limit), $"a picture's last state {picture}, a prompt's logits {prompt}, at most {limit.ToString(CultureInfo.InvariantCulture)} relative to the CPU's");
            if (reference.Latent.Length > 0)
            {
                // The VAE is float32 whatever the rest is, and was given the same numbers.
                var (latent, pixels) = (Comparison.Of(captured.Latent, reference.Latent), Comparison.Of(captured.Pixels, reference.Pixels));
                passed &= latent.Within(F32Limit) && pixels.Within(F32Limit);
                detail += $"; the VAE's latent {latent}, its pixels {pixels}, at most {F32Limit.ToString(CultureInfo.InvariantCulture)}";
            }
            return Judged(passed, detail);
        }).ConfigureAwait(false);
        return checks;

        async Task Check(string name, Func<Task<(bool Passed, string Detail)>> run)
        {
            cancellation.ThrowIfCancellationRequested();
            var begin = Stopwatch.GetTimestamp();
            var (passed, detail) = await run().ConfigureAwait(false);
            Add(new(name, passed, detail, Stopwatch.GetElapsedTime(begin).TotalSeconds));
        }

        void NotRun(string name, string why) => Add(new(name, null, why, 0));

        void Add(ProofCheck check)
        {
            checks.Add(check);
            progress?.Report(check);
        }
    }

    /// <summary>What a device made of a picture's steps, of an answer, and of noise through the VAE: into a latent, and noise for a latent into pixels.</summary>
    private sealed record Work(float[] Picture, int[] Tokens, float[] PromptLogits, float[] Logits, float[] Latent, float[] Pixels, int ActivationBytes);

    private static Work WorkOf(TunaModel model, PictureSize size, CancellationToken cancellation)
    {
        const int Tokens = 8;
        // A part of the steps is guided, so that both of a slot's graphs are used.
        var plan = PlanOf(model, size, 3, SamplerKind.Heun, new Guidance(3, 0.2f, 0.6f));
        using var slot = model.Slots.Lease(plan);
        var denoiser = new Denoiser(slot.Predictor, plan);
        denoiser.Begin(cancellation);
        var picture = denoiser.Run(NoiseOf(model, size), null, null, cancellation);
        using var decoder = new TextDecoder(model.Network, model.Backend);
        var drawn = new List<int> { decoder.Begin(PromptOf(model), [], Tokens, _drawn, cancellation) };
        var prompt = decoder.ReadLogits();
        while (drawn.Count < Tokens)
            drawn.Add(decoder.Next(cancellation));
        decoder.Settle();
        var (latent, pixels) = ThroughVae(model, size, cancellation);
        return new(picture, [.. drawn], prompt, decoder.ReadLogits(), latent, pixels, model.Backend.ActivationBytes);
    }

    /// <summary>Nothing of a model that has none.</summary>
    private static (float[] Latent, float[] Pixels) ThroughVae(TunaModel model, PictureSize size, CancellationToken cancellation)
    {
        if (model.Config.Vae is null)
            return ([], []);
        float[] noise = new float[3 * size.Height * size.Width], pixels = [];
        new TorchRandom(Seed).FillNormal(noise);
        using var codec = model.NewVaeCodec(size.Height, size.Width);
        var latent = codec.Encode(noise, 1, cancellation).Mean;
        codec.Decode(NoiseOf(model, size), 1, (_, _, planes) => pixels = planes, cancellation);
        return (latent, pixels);
    }

    private static (bool Passed, string Detail) Repeats(TunaModel model, PictureSize size, int repeats, CancellationToken cancellation)
    {
        var plan = PlanOf(model, size, 1, SamplerKind.Euler, new Guidance(3));
        var noise = NoiseOf(model, size);
        using var slot = model.Slots.Lease(plan);
        var denoiser = new Denoiser(slot.Predictor, plan);
        denoiser.Begin(cancellation);
        float[]? picture = null, logits = null;
        var prompt = PromptOf(model);
        using var decoder = new TextDecoder(model.Network, model.Backend);
        for (var i = 0; i < repeats; i++)
        {
            var again = denoiser.Run(noise, null, null, cancellation);
            if (!again.AsSpan().SequenceEqual(picture ??= again))
                return (false, $"repeat {i} of a step has other bits");
            decoder.Rewind(0);
            _ = decoder.Begin(prompt, [], 2, TokenChoice.Greedy, cancellation);
            _ = decoder.Next(cancellation);
            decoder.Settle();
            var behind = decoder.ReadLogits();
            if (!behind.AsSpan().SequenceEqual(logits ??= behind))
                return (false, $"repeat {i} of a token has other bits");
        }
        return (true, $"{repeats} steps and {repeats} tokens behind {prompt.Tokens.Count}, to the bit");
    }

    private static async Task<(bool Passed, string Detail)> SameSeed(TunaModel model, PictureSize[] sizes, CancellationToken cancellation)
    {
        var first = await Picture(model, sizes[0], Seed, cancellation).ConfigureAwait(false);
        var other = await Picture(model, sizes[0], Seed + 1, cancellation).ConfigureAwait(false);
        var second = await Picture(model, sizes[0], Seed, cancellation).ConfigureAwait(false);
        model.TrimMemory();
        var third = await Picture(model, sizes[0], Seed, cancellation).ConfigureAwait(false);
        return Judged(first.AsSpan().SequenceEqual(second) && first.AsSpan().SequenceEqual(third) && !first.AsSpan().SequenceEqual(other),
            "a seed's pixels in a new slot, in a used one and in another; another seed's are others");
    }

    private static async Task<(bool Passed, string Detail)> Together(TunaModel model, PictureSize[] sizes, CancellationToken cancellation)
    {
        var serial = new List<byte[]>();
        foreach (var size in sizes)
            serial.Add(await Picture(model, size, Seed, cancellation).ConfigureAwait(false));
        var together = await Task.WhenAll(sizes.Select(size => Task.Run(() => Picture(model, size, Seed, cancellation), cancellation))).ConfigureAwait(false);
        return Judged(serial.Zip(together, (a, b) => a.AsSpan().SequenceEqual(b)).All(same => same), $"sessions of {string.Join(" and ", sizes)} at once and one after the other");
    }

    /// <summary>Whether the size of a batch is all of it that decides a picture's bits: not its place, nor what stands beside it.</summary>
    private static async Task<(bool Passed, string Detail)> Batch(TunaModel model, PictureSize size, CancellationToken cancellation)
    {
        const string Circle = "a red circle on a blue background", Square = "a green square";
        var (one, turned, alone) = (await Pictures(Circle, Square).ConfigureAwait(false), await Pictures(Square, Circle).ConfigureAwait(false), await Pictures(Circle).ConfigureAwait(false));
        return Judged(one[0].AsSpan().SequenceEqual(turned[1]) && one[1].AsSpan().SequenceEqual(turned[0]) && one[0].AsSpan().SequenceEqual(alone[0]) && !one[0].AsSpan().SequenceEqual(one[1]),
            "pictures in a batch of two, each in either place, and one beside itself");

        async Task<byte[][]> Pictures(params string[] prompts)
        {
            using var session = model.CreateSession();
            var options = new ImageOptions { Width = size.Width, Height = size.Height, Steps = 2, Guidance = 3, Seed = Seed, Batch = 2 };
            return [.. (await session.GenerateAsync(prompts, options, null, cancellation).ConfigureAwait(false)).Select(made => made.Image.Pixels.ToArray())];
        }
    }

    private static async Task<(bool Passed, string Detail)> Memory(TunaModel model, PictureSize size, int sessions, CancellationToken cancellation)
    {
        // What the first request loads stays.
        await Picture(model, size, Seed, cancellation).ConfigureAwait(false);
        await Cancelled(0).ConfigureAwait(false);
        model.TrimMemory();
        var before = model.AvailableBytes;
        for (var i = 0; i < sessions; i++)
            await Picture(model, size, i, cancellation).ConfigureAwait(false);
        for (var i = 0; i < sessions; i++)
            await Cancelled(i).ConfigureAwait(false);
        model.TrimMemory();
        var after = model.AvailableBytes;
        return (after >= before, string.Create(CultureInfo.InvariantCulture, $"{before} bytes free before {sessions} sessions and {sessions} cancelled ones, {after} after"));

        async Task Cancelled(int i)
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            using var session = model.CreateSession();
            try
            {
                await session.GenerateAsync("x", new() { Width = size.Width, Height = size.Height, Steps = 4 }, new Stopping(1 + i % 2, stop), stop.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                // As it was to be.
            }
        }
    }

    /// <summary>Cancels when a step is done.</summary>
    private sealed class Stopping(int step, CancellationTokenSource stop) : IProgress<GenerationProgress>
    {
        public void Report(GenerationProgress value)
        {
            if (value.Step == step)
                stop.Cancel();
        }
    }

    private static async Task<byte[]> Picture(TunaModel model, PictureSize size, long seed, CancellationToken cancellation)
    {
        using var session = model.CreateSession();
        var options = new ImageOptions { Width = size.Width, Height = size.Height, Steps = 2, Guidance = 3, Seed = seed };
        return (await session.GenerateAsync("a red circle on a blue background", options, null, cancellation).ConfigureAwait(false))[0].Image.Pixels.ToArray();
    }

    private static (bool Passed, string Detail) Judged(bool passed, string detail) => (passed, passed ? detail : $"not the same: {detail}");

    private static PictureSize[] SizesOf(TunaModel model, ProofOptions proof)
    {
        var options = new ImageOptions { Width = proof.Width, Height = proof.Height };
        var request = ImageRequest.Of(ImageTask.Generate, options, model.Config);
        var (width, height, unit) = (request.Width, request.Height, model.Config.TokenPixels);
        return [new(width, height), new(Math.Max(width / 2 / unit, 1) * unit, Math.Min(2 * height, ImageRequest.MaxSide / unit * unit))];
    }

    private static DenoisePlan PlanOf(TunaModel model, PictureSize size, int steps, SamplerKind sampler, Guidance guidance)
    {
        var grid = model.Config.GridOf(size.Width, size.Height);
        return new(
            [PromptLayout.TextToImage(model.Tokens, PromptOf(model).Tokens, grid), PromptLayout.TextToImage(model.Tokens, [1], grid)],
            grid.Height * model.Config.PatchSize, grid.Width * model.Config.PatchSize, steps, sampler, guidance,
            TimeShift: model.Config.Defaults.TimeShift, Prediction: model.Config.Prediction);
    }

    private static PromptLayout PromptOf(TunaModel model) => PromptLayout.Text([.. Enumerable.Range(0, 40).Select(i => i * 7 % Math.Min(model.Config.VocabSize, 200))]);

    private static float[] NoiseOf(TunaModel model, PictureSize size)
    {
        var noise = new float[model.Config.ImageChannels * model.Config.GridOf(size.Width, size.Height).Count * model.Config.PatchSize * model.Config.PatchSize];
        new TorchRandom(Seed).FillNormal(noise);
        return noise;
    }

    private static void Within(string what, int value)
    {
        if (value is < 1 or > Most)
            throw new RequestException($"{what} must be 1 to {Most}, not {value}");
    }
}
