using Tuna2.Engine.Graph;
using Tuna2.Engine.Imaging;
using Tuna2.Engine.Sampling;

namespace Tuna2.Engine.Models;

/// <summary>What a request made: a picture, or a clip's.</summary>
/// <param name="Pictures">The picture, or the frames.</param>
/// <param name="Parameters">What made it.</param>
/// <param name="Warnings">What the user should know.</param>
internal sealed record MadePictures(IReadOnlyList<RgbImage> Pictures, GenerationParameters Parameters, IReadOnlyList<string> Warnings);

/// <summary>A picture request, tokenized and checked, ready to run: of each of its prompts as many pictures.</summary>
internal sealed class ImageJob
{
    private readonly TunaModel _model;
    private readonly ImageRequest _request;
    private readonly IReadOnlyList<string> _prompts;
    private readonly RgbImage? _source;
    private readonly List<string>[] _warnings;
    private readonly DenoisePlan[] _plans;
    private readonly bool[] _cut;

    /// <exception cref="RequestException">A prompt is too long.</exception>
    public ImageJob(TunaModel model, ImageRequest request, IReadOnlyList<string> prompts, RgbImage? source)
    {
        (_model, _request, _prompts, _source) = (model, request, prompts, source);
        _warnings = [.. prompts.Select(_ => request.Warnings.ToList())];
        _cut = new bool[prompts.Count];
        var all = Enumerable.Range(0, prompts.Count).ToArray();
        PromptLayout[] conditional = [.. prompts.Select((prompt, i) => Layout(Encode(prompt, prompts.Count == 1 ? "prompt" : $"prompt {i + 1}", i)))];
        // One for all prompts, so that its keys and values are computed once.
        PromptLayout[] unconditional = request.Guidance.Needed ? [Layout(Encode(request.NegativePrompt, "negative prompt", all))] : [];
        _plans = [.. conditional.Select(layout => request.Plan(model.Config, [layout, .. unconditional]))];
    }

    /// <summary>For one prompt.</summary>
    public ImageJob(TunaModel model, ImageRequest request, string prompt, RgbImage? source) : this(model, request, [prompt], source) { }

    /// <summary>Pictures in all: those of the first prompt, then those of the next.</summary>
    public int Count => _prompts.Count * _request.Count;

    /// <summary>
    /// Makes the pictures, a batch after the other; those of a prompt share its keys and values. Each is handed over as it is finished.
    /// </summary>
    /// <exception cref="ModelException">A picture is not finite.</exception>
    public void Run(Action<MadePictures> made, IProgress<GenerationProgress>? progress, CancellationToken cancellation)
    {
        using var codec = PictureCodec.Of(_model, _request.Width, _request.Height, _request.VaeTile);
        var source = _source is null ? null : codec.Encode([_source], cancellation);
        var previewEvery = progress is null ? 0 : _request.PreviewEvery;
        codec.PrepareToDecode(_plans[0].Frames);
        if (previewEvery > 0)
            codec.PrepareToDecode(1);
        var runs = Runs(source);
        using var slot = _model.Slots.Lease(runs);
        for (int run = 0, first = 0; run < runs.Count; first += runs[run++].Count)
        {
            var (begin, together) = (first, Math.Min(runs[run].Count, Count - first));
            var denoiser = new Denoiser(slot.Predictor, runs[run]) { EstimateEvery = previewEvery };
            denoiser.Begin(cancellation);
            var starts = new float[runs[run].Count][];
            for (var i = 0; i < starts.Length; i++)
                starts[i] = i < together ? Start(begin + i, source) : starts[i - 1];
            var finals = denoiser.Run(starts, (i, step) => Tell(denoiser, begin, together, i, step), null, cancellation);
            for (var i = 0; i < together; i++)
            {
                if (finals[i].AsSpan().ContainsAny(float.NaN, float.PositiveInfinity, float.NegativeInfinity))
                    throw new ModelException("the model's prediction is not finite: are its weights damaged?");
                var pictures = new List<RgbImage>();
                codec.Decode(finals[i], _plans[0].Frames, pictures.Add, cancellation);
                made(new(pictures, Parameters(begin + i), [.. _warnings[PromptOf(begin + i)]]));
            }
        }

        void Tell(Denoiser denoiser, int begin, int together, int i, int step)
        {
            if (progress is null || i >= together)
                return;
            var image = begin + i;
            progress.Report(new(image, Count, step, _plans[0].Steps)
            {
                Together = together,
                FirstTogether = begin,
                Seed = SeedOf(image),
                Preview = denoiser.Estimate(i) is { } estimate ? codec.DecodeOne(FirstFrame(estimate), cancellation) : null,
            });
        }
    }

    /// <summary>The pictures that are stepped together, run by run. Where their number decides bits, the last run is filled up.</summary>
    private IReadOnlyList<IReadOnlyList<DenoisePlan>> Runs(float[]? source)
    {
        DenoisePlan[] plans = [.. _plans.Select(plan => plan with { Source = source })];
        var together = _request.Together(Count, _model.Backend);
        var all = Enumerable.Range(0, Count).Select(image => plans[PromptOf(image)]).ToList();
        if (_model.Backend.RowsDecideBits)
            all.AddRange(Enumerable.Repeat(all[^1], (together - Count % together) % together));
        return [.. all.Chunk(together)];
    }

    private float[] Start(int image, float[]? source)
    {
        var start = _request.Task == ImageTask.Reconstruct ? (float[])source!.Clone() : Noise(SeedOf(image)!.Value);
        for (var e = 0; e < start.Length; e++)
            start[e] *= _request.NoiseScale;
        return start;
    }

    /// <summary>Null where nothing is drawn.</summary>
    private long? SeedOf(int image) => _request.Seed + image % _request.Count;

    /// <summary>A clip's first frame: it does not depend on the others, and shows what the clip will be.</summary>
    private float[] FirstFrame(float[] state)
    {
        var plan = _plans[0];
        if (plan.Frames == 1)
            return state;
        int frame = plan.Height * plan.Width, channels = _model.Config.ImageChannels;
        var first = new float[channels * frame];
        for (var c = 0; c < channels; c++)
            state.AsSpan(c * plan.Frames * frame, frame).CopyTo(first.AsSpan(c * frame));
        return first;
    }

    /// <summary>Does what comes before the first step, so that the next request of its like finds it done.</summary>
    public void WarmUp(CancellationToken cancellation)
    {
        using var codec = PictureCodec.Of(_model, _request.Width, _request.Height, _request.VaeTile);
        codec.PrepareToDecode(_plans[0].Frames);
        var runs = Runs(null);
        using var slot = _model.Slots.Lease(runs);
        if (_model.Backend.KeepsSlots)
            new Denoiser(slot.Predictor, runs[0]).Begin(cancellation);
    }

    /// <summary>The start noise of a seed, as the official code draws it (MODEL.md section 4).</summary>
    private float[] Noise(long seed)
    {
        var noise = new float[_model.Config.ImageChannels * _plans[0].Frames * _plans[0].Height * _plans[0].Width];
        var random = new TorchRandom(seed);
        // For an edit's source the official code draws a time, which it then sets to 1.
        if (_request.Task == ImageTask.Edit && _model.Config.Vae is not null)
            random.FillNormal(new float[1]);
        random.FillNormal(noise);
        return noise;
    }

    /// <summary>Which of the prompts a picture is of.</summary>
    private int PromptOf(int image) => image / _request.Count;

    /// <summary>A text's tokens; that it was cut is said of the prompts it is for.</summary>
    private int[] Encode(string text, string what, params ReadOnlySpan<int> prompts)
    {
        var ids = _model.Tokenizer.Encode(text);
        if (ImageRequest.PromptLimit(_request.Task, Grid, _model.Config.Variant) is not { } limit || ids.Length <= limit)
            return ids;
        if (_request.Overlong == OverlongPrompt.Refuse)
            throw new RequestException($"the {what} has {ids.Length} tokens; at {_request.Width}x{_request.Height} the model takes {limit}");
        foreach (var prompt in prompts)
        {
            _cut[prompt] = true;
            _warnings[prompt].Add($"the {what} was cut from {ids.Length} to {limit} tokens, what the model takes at {_request.Width}x{_request.Height}");
        }
        return ids[..limit];
    }

    private Grid Grid => _request.Grid(_model.Config);

    private PromptLayout Layout(int[] ids) => _request.Task switch
    {
        ImageTask.Edit => PromptLayout.Edit(_model.Tokens, ids, Grid),
        ImageTask.Reconstruct => PromptLayout.Reconstruct(_model.Tokens, ids, Grid, _model.Config.Variant),
        _ => PromptLayout.TextToImage(_model.Tokens, ids, Grid),
    };

    private GenerationParameters Parameters(int image) => new()
    {
        Task = _request.Task.ToString().ToLowerInvariant(),
        Prompt = _prompts[PromptOf(image)],
        NegativePrompt = _request.Guidance.Needed ? _request.NegativePrompt : "",
        PromptCut = _cut[PromptOf(image)],
        Steps = _request.Steps,
        Sampler = _request.Sampler,
        Guidance = _request.Guidance.Scale,
        GuidanceLow = _request.Guidance.Low,
        GuidanceHigh = _request.Guidance.High,
        Seed = SeedOf(image),
        Width = _request.Width,
        Height = _request.Height,
        Frames = _request.Frames,
        NoiseScale = _request.NoiseScale,
        VaeTile = _request.VaeTile,
        Batch = _model.Backend.RowsDecideBits ? _request.Batch : 1,
        Model = _model.Name,
        Device = _model.Device,
        Weights = _model.Weights,
        Tuning = _model.Backend.Tuning,
    };
}
