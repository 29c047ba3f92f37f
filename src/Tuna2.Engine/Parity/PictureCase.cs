using System.Globalization;
using System.Text.RegularExpressions;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Imaging;
using Tuna2.Engine.Models;
using Tuna2.Engine.Sampling;

namespace Tuna2.Engine.Parity;

/// <summary>Text-to-image and to video, edit and reconstruct: tokens, noise, intermediates, every evaluation and the picture.</summary>
internal static partial class PictureCase
{
    public static void Run(CaseDescription c, CaseTensors tensors, TunaModel model, CaseChecks checks, CancellationToken cancellation)
    {
        var setting = new Setting(c, tensors, model);
        CheckTokens(setting, checks);
        CheckNoise(setting, checks);

        var fullPlan = setting.Plan;
        Recording full, prefix;
        using (var predictor = new FullPredictor(model.Network, model.Backend, fullPlan, setting.Intermediates))
        {
            full = new Recording(predictor, fullPlan, call =>
            {
                if (call == 0)
                    CheckIntermediates(setting, predictor, checks);
            });
            full.Run(setting.Start, cancellation);
        }
        using (var predictor = new PrefixPredictor(model.Network, model.Backend, PredictorRoom.For(setting.Plan, model.Backend), watched: true))
        {
            prefix = new Recording(predictor, setting.Plan, null);
            prefix.Run(setting.Start, cancellation);
        }
        CheckEvaluations(setting, full, prefix, checks);
        CheckPicture(setting, full, prefix, checks, cancellation);
    }

    /// <summary>What a case asks for, in the engine's terms.</summary>
    private sealed class Setting
    {
        public Setting(CaseDescription c, CaseTensors tensors, TunaModel model)
        {
            Tensors = tensors;
            Model = model;
            Limits = new ParityLimits(model, tensors);
            var config = model.Config;
            Task = c.Task switch { "edit" => ImageTask.Edit, "reconstruct" => ImageTask.Reconstruct, "generate_video" => ImageTask.Video, _ => ImageTask.Generate };
            (PixelHeight, PixelWidth) = (c.Integer("height"), c.Integer("width"));
            var side = config.TokenPixels;
            if (PixelHeight % side != 0 || PixelWidth % side != 0)
                throw new ModelException($"the case's size {PixelWidth}x{PixelHeight} is not a multiple of {side}");
            var latentFrames = c.Has("latent_frames") ? c.Integer("latent_frames") : 1;
            if (latentFrames > 1 && config.Vae is null)
                throw new ModelException($"variant {config.Variant.Name()} makes no clips");
            var grid = config.GridOf(PixelWidth, PixelHeight) with { Frames = latentFrames };
            (Height, Width) = (grid.Height * config.PatchSize, grid.Width * config.PatchSize);
            Elements = config.ImageChannels * grid.Frames * Height * Width;
            var limit = ImageRequest.PromptLimit(Task, grid, config.Variant);
            var prompt = Cut(c.Text("prompt") ?? c.Text("instruction") ?? "");
            // In the pipelines null means no text, except for edits, which have a negative prompt of their own.
            var negative = Cut(c.Text("negative_prompt") ?? (Task == ImageTask.Edit ? GenerationDefaults.OfficialEditNegativePrompt : ""));
            Branches = [Layout(prompt), Layout(negative)];
            if (tensors.Has("text_tokens") && tensors.Shape("text_tokens") is [var count, _])
                Branches = [.. Branches.Take((int)count)];

            NoiseScale = (float)(c.Number("noise_scale") ?? model.Config.NoiseScale);
            Seed = c.Long("seed");
            Source = SourceState();
            if (Source.Length == 0 && Task is ImageTask.Edit or ImageTask.Reconstruct)
                throw new ModelException($"the case has no 'source' to {c.Task}");
            Start = StartState();
            var interval = c.Pair("cfg_interval") ?? (0, 1);
            var length = tensors.Has("text_tokens") && tensors.Shape("text_tokens") is [_, var l] ? (int)l : 0;
            Padded = [.. Branches.Select(b => b.Tokens.Count < length ? b.Padded(length, model.Tokens.Pad) : b)];
            Plan = new DenoisePlan(Padded, Height, Width, config.Moves(c.Integer("steps")),
                c.Text("sampler") == "heun" ? SamplerKind.Heun : SamplerKind.Euler,
                new Guidance((float)(c.Number("guidance") ?? 1), interval.Item1, interval.Item2), EveryBranch: true,
                grid.Frames, (float)(c.Number("time_shift") ?? config.Defaults.TimeShift), config.Prediction, Source.Length > 0 ? Source : null);

            int[] Cut(string text)
            {
                var ids = model.Tokenizer.Encode(text);
                return limit is { } most && ids.Length > most ? ids[..most] : ids;
            }

            PromptLayout Layout(int[] ids) => Task switch
            {
                ImageTask.Edit => PromptLayout.Edit(model.Tokens, ids, grid),
                ImageTask.Reconstruct => PromptLayout.Reconstruct(model.Tokens, ids, grid, config.Variant),
                _ => PromptLayout.TextToImage(model.Tokens, ids, grid),
            };
        }

        public CaseTensors Tensors { get; }
        public TunaModel Model { get; }
        public ParityLimits Limits { get; }
        public ImageTask Task { get; }
        public int PixelHeight { get; }
        public int PixelWidth { get; }

        /// <summary>Rows of what is denoised: pixels, or a latent's cells.</summary>
        public int Height { get; }
        public int Width { get; }

        /// <summary>Values of what is denoised.</summary>
        public int Elements { get; }
        public IReadOnlyList<PromptLayout> Branches { get; }
        public IReadOnlyList<PromptLayout> Padded { get; }
        public float NoiseScale { get; }
        public long? Seed { get; }
        public float[] Source { get; }
        public float[] Start { get; }
        public DenoisePlan Plan { get; }

        /// <summary>Intermediates the case has references for, under the engine's names.</summary>
        public IReadOnlyCollection<string> Intermediates => [.. Tensors.Names.Select(n => StepTensor().Match(n)).Where(m => m.Success).Select(m => m.Groups["name"].Value).Distinct()];

        /// <summary>
        /// The source as the model has it. Where that is a latent, the official code's is a sample: the case's own is taken, from
        /// the first evaluation.
        /// </summary>
        private float[] SourceState()
        {
            var source = Tensors.Has("source") ? Tensors.Floats("source") : [];
            if (Model.Config.Vae is null || source.Length == 0)
                return source;
            if (!Tensors.Has("call0.z"))
                throw new ModelException("the case has no 'call0.z' to take the source's latent from");
            return Tensors.Floats("call0.z")[..Elements];
        }

        private float[] StartState()
        {
            if (Task == ImageTask.Reconstruct)
                return [.. Source.Select(x => x * NoiseScale)];
            if (Tensors.Has("noise"))
                return [.. Tensors.Floats("noise").Take(Elements).Select(x => x * NoiseScale)];
            if (Seed is { } seed && Task is ImageTask.Generate or ImageTask.Video)
                return [.. Draw(seed).Select(x => x * NoiseScale)];
            if (!Tensors.Has("call0.z"))
                throw new ModelException("the case has neither 'noise' nor a seed nor 'call0.z' to start from");
            var z = Tensors.Floats("call0.z");
            return z[^Elements..];
        }

        public float[] Draw(long seed)
        {
            var noise = new float[Elements];
            new TorchRandom(seed).FillNormal(noise);
            return noise;
        }
    }

    /// <summary>Every evaluation of a run.</summary>
    private sealed class Recording(Predictor predictor, DenoisePlan plan, Action<int>? evaluated) : IDenoiseObserver
    {
        public sealed record Call(float Time, float[] Z, float[][] Predictions);

        public List<Call> Calls { get; } = [];

        public float[] Final { get; private set; } = [];

        public void Run(float[] start, CancellationToken cancellation)
        {
            var denoiser = new Denoiser(predictor, plan);
            denoiser.Begin(cancellation);
            Final = denoiser.Run(start, null, this, cancellation);
        }

        public void Evaluated(int call, float time, float[] z, int branches)
        {
            var slots = predictor.Pictures.Predictions!.Rows.Max;
            Calls.Add(new Call(time, z, [.. Enumerable.Range(0, slots).Select(predictor.ReadPrediction)]));
            evaluated?.Invoke(call);
        }
    }

    /// <summary>Times are float32 on every device.</summary>
    private const double TimeLimit = 1e-6;

    private static void CheckTokens(Setting s, CaseChecks checks)
    {
        if (s.Tensors.Has("text_tokens"))
            checks.Identical("text_tokens", "", [.. s.Padded.SelectMany(b => b.Tokens).Select(t => (long)t)], s.Tensors.Integers("text_tokens"));
        if (s.Tensors.Has("modality_positions"))
            checks.Identical("modality_positions", "", [.. s.Branches.SelectMany(b => b.Spans).SelectMany(p => new long[] { p.Offset, p.Length })], s.Tensors.Integers("modality_positions"));
    }

    private static void CheckNoise(Setting s, CaseChecks checks)
    {
        // An edit's noise is not its seed's first draw in the official code; a reconstruction has none.
        if (s.Task is ImageTask.Generate or ImageTask.Video && s.Seed is { } seed && s.Tensors.Has("noise"))
            checks.Floats("noise", "", s.Draw(seed), s.Tensors.Floats("noise"), 0, NoiseParity.Limit);
    }

    private static void CheckIntermediates(Setting s, FullPredictor predictor, CaseChecks checks)
    {
        var length = s.Padded[0].Tokens.Count;
        foreach (var name in s.Tensors.Names.Where(n => StepTensor().IsMatch(n)).Order(StringComparer.Ordinal))
        {
            var match = StepTensor().Match(name);
            var what = match.Groups["name"].Value;
            if (what == "time_embed")
            {
                float[] clean = predictor.ReadTimeEmbedding(null), first = predictor.ReadTimeEmbedding(0);
                float[] rows = [.. s.Padded.SelectMany(b => b.Spans).SelectMany(p => p.Clean ? clean : first)];
                checks.Floats(name, ParityLimits.Full, rows, s.Tensors.Floats(name), clean.Length, s.Limits.Reference(name));
            }
            else if (predictor.ReadKept(what) is var (data, columns))
            {
                var last = match.Groups["last"].Success ? int.Parse(match.Groups["last"].ValueSpan, CultureInfo.InvariantCulture) : length;
                float[] rows = [.. Enumerable.Range(0, s.Padded.Count).SelectMany(b => data.Skip((b * length + length - last) * columns).Take(last * columns))];
                checks.Floats(name, ParityLimits.Full, rows, s.Tensors.Floats(name), columns, s.Limits.Reference(name));
            }
        }
    }

    private static void CheckEvaluations(Setting s, Recording full, Recording prefix, CaseChecks checks)
    {
        for (var i = 0; i < full.Calls.Count; i++)
        {
            var (f, p) = (full.Calls[i], prefix.Calls[i]);
            var width = s.Width;
            if (s.Tensors.Has($"call{i}.t"))
                checks.Floats($"call{i}.t", "", Interleaved(s, _ => [1f], _ => [f.Time], sources: true), s.Tensors.Floats($"call{i}.t"), 0, TimeLimit);
            if (s.Tensors.Has($"call{i}.z"))
            {
                var expected = s.Tensors.Floats($"call{i}.z");
                checks.Floats($"call{i}.z", ParityLimits.Full, Interleaved(s, _ => s.Source, _ => f.Z, sources: true), expected, width, s.Limits.Reference($"call{i}.z"));
                checks.Floats($"call{i}.z", ParityLimits.Prefix, Interleaved(s, _ => s.Source, _ => p.Z, sources: true), expected, width, s.Limits.Reference($"call{i}.z"));
            }
            if (s.Tensors.Has($"call{i}.x0"))
            {
                var expected = s.Tensors.Floats($"call{i}.x0");
                checks.Floats($"call{i}.x0", ParityLimits.Full, Interleaved(s, b => f.Predictions[s.Padded.Count + b], b => f.Predictions[b], sources: true), expected, width, s.Limits.Reference($"call{i}.x0"));
                checks.Floats($"call{i}.x0", ParityLimits.Prefix, Interleaved(s, _ => [], b => p.Predictions[b], sources: false), Targets(s, expected), width, s.Limits.Reference($"call{i}.x0"));
            }
            checks.Floats($"call{i}.x0", ParityLimits.PrefixOverFull, Interleaved(s, _ => [], b => p.Predictions[b], sources: false),
                Interleaved(s, _ => [], b => f.Predictions[b], sources: false), width, s.Limits.PrefixToFull($"call{i}.x0"));
        }
    }

    private static void CheckPicture(Setting s, Recording full, Recording prefix, CaseChecks checks, CancellationToken cancellation)
    {
        checks.Floats("final", ParityLimits.PrefixOverFull, prefix.Final, full.Final, s.Width, s.Limits.PrefixToFull("final"));
        if (s.Tensors.Has("final"))
        {
            var expected = s.Tensors.Floats("final");
            checks.Floats("final", ParityLimits.Full, full.Final, expected, s.Width, s.Limits.Reference("final"));
            checks.Floats("final", ParityLimits.Prefix, prefix.Final, expected, s.Width, s.Limits.Reference("final"));
        }
        if (!s.Tensors.Has("rgb"))
            return;
        var rgb = s.Tensors.Bytes("rgb");
        using var codec = PictureCodec.Of(s.Model, s.PixelWidth, s.PixelHeight);
        // What the VAE decodes is rounded differently here and there.
        if (s.Tensors.Has("final") && s.Model.Config.Vae is null)
            checks.Identical("rgb of the reference's final", "", Bytes(s.Tensors.Floats("final")), rgb);
        else if (s.Tensors.Has("final") && s.Limits.JudgesDiscrete)
            checks.Close("rgb of the reference's final", "", Bytes(s.Tensors.Floats("final")), rgb);
        if (!s.Limits.JudgesDiscrete)
            return;
        checks.Close("rgb", ParityLimits.Full, Bytes(full.Final), rgb);
        checks.Close("rgb", ParityLimits.Prefix, Bytes(prefix.Final), rgb);

        byte[] Bytes(float[] state)
        {
            var pictures = new List<RgbImage>();
            codec.Decode(state, s.Plan.Frames, pictures.Add, cancellation);
            return [.. pictures.SelectMany(picture => picture.Pixels.ToArray())];
        }
    }

    /// <summary>Per branch, its spans in order: sources (when asked for) and the target, as the official code batches them.</summary>
    private static float[] Interleaved(Setting s, Func<int, float[]> source, Func<int, float[]> target, bool sources) =>
        [.. s.Padded.SelectMany((branch, b) => branch.Spans.Where(p => sources || !p.Clean).SelectMany(p => p.Clean ? source(b) : target(b)))];

    /// <summary>The targets among interleaved spans.</summary>
    private static float[] Targets(Setting s, float[] interleaved) =>
        [.. s.Padded.SelectMany(b => b.Spans).SelectMany((p, i) => p.Clean ? [] : interleaved.Skip(i * s.Elements).Take(s.Elements))];

    [GeneratedRegex(@"^step0\.(?<name>[a-z0-9_]+?)(\.last(?<last>[0-9]+))?$")]
    private static partial Regex StepTensor();
}
