using Tuna2.Engine.Graph;
using Tuna2.Engine.Imaging;
using Tuna2.Engine.Sampling;

namespace Tuna2.Engine.Models;

/// <summary>What a request made: a picture, or a clip's.</summary>
/// <param name="Pictures">The picture, or the frames.</param>
/// <param name="Parameters">What made it.</param>
/// <param name="Warnings">What the user should know.</param>
internal sealed record MadePictures(IReadOnlyList<RgbImage> Pictures, GenerationParameters Parameters, IReadOnlyList<string> Warnings);

/// <summary>A picture request, tokenized and checked, ready to run.</summary>
internal sealed class ImageJob
{
    private readonly TunaModel _model;
    private readonly ImageRequest _request;
    private readonly string _prompt;
    private readonly RgbImage? _source;
    private readonly List<string> _warnings = [];
    private readonly DenoisePlan _plan;
    private bool _promptCut;

    /// <exception cref="RequestException">A prompt is too long.</exception>
    public ImageJob(TunaModel model, ImageRequest request, string prompt, RgbImage? source)
    {
        (_model, _request, _prompt, _source) = (model, request, prompt, source);
        _warnings.AddRange(request.Warnings);
        List<PromptLayout> branches = [Layout(Encode(prompt, "prompt"))];
        if (request.Guidance.Needed)
            branches.Add(Layout(Encode(request.NegativePrompt, "negative prompt")));
        _plan = request.Plan(model.Config, branches);
    }

    /// <summary>Makes the pictures, one after the other; they share the prompt's keys and values. Each is handed over as it is finished.</summary>
    /// <exception cref="ModelException">A picture is not finite.</exception>
    public void Run(Action<MadePictures> made, IProgress<GenerationProgress>? progress, CancellationToken cancellation)
    {
        using var codec = PictureCodec.Of(_model, _request.Width, _request.Height, _request.VaeTile);
        var source = _source is null ? [] : codec.Encode([_source], cancellation);
        var previewEvery = progress is null ? 0 : _request.PreviewEvery;
        codec.PrepareToDecode(_plan.Frames);
        if (previewEvery > 0)
            codec.PrepareToDecode(1);
        using var slot = _model.Slots.Lease(_plan);
        var denoiser = new Denoiser(slot.Predictor, _plan) { EstimateEvery = previewEvery };
        denoiser.Begin(source, cancellation);
        for (var i = 0; i < _request.Count; i++)
        {
            var image = i;
            var start = _request.Task == ImageTask.Reconstruct ? (float[])source.Clone() : Noise(_request.Seed!.Value + i);
            for (var e = 0; e < start.Length; e++)
                start[e] *= _request.NoiseScale;
            var final = denoiser.Run(start, step => progress?.Report(Progress(image, step)), null, cancellation);
            if (final.AsSpan().ContainsAny(float.NaN, float.PositiveInfinity, float.NegativeInfinity))
                throw new ModelException("the model's prediction is not finite: are its weights damaged?");
            var pictures = new List<RgbImage>();
            codec.Decode(final, _plan.Frames, pictures.Add, cancellation);
            made(new(pictures, Parameters(i), [.. _warnings]));
        }

        GenerationProgress Progress(int image, int step) => new(image, _request.Count, step, _plan.Steps)
        {
            Seed = _request.Seed + image,
            Preview = denoiser.Estimate is { } estimate ? codec.DecodeOne(FirstFrame(estimate), cancellation) : null,
        };
    }

    /// <summary>A clip's first frame: it does not depend on the others, and shows what the clip will be.</summary>
    private float[] FirstFrame(float[] state)
    {
        if (_plan.Frames == 1)
            return state;
        int frame = _plan.Height * _plan.Width, channels = _model.Config.ImageChannels;
        var first = new float[channels * frame];
        for (var c = 0; c < channels; c++)
            state.AsSpan(c * _plan.Frames * frame, frame).CopyTo(first.AsSpan(c * frame));
        return first;
    }

    /// <summary>Does what comes before the first step, so that the next request of its like finds it done.</summary>
    public void WarmUp(CancellationToken cancellation)
    {
        using var codec = PictureCodec.Of(_model, _request.Width, _request.Height, _request.VaeTile);
        codec.PrepareToDecode(_plan.Frames);
        using var slot = _model.Slots.Lease(_plan);
        if (_model.Backend.KeepsSlots)
            new Denoiser(slot.Predictor, _plan).Begin([], cancellation);
    }

    /// <summary>The start noise of a seed, as the official code draws it (MODEL.md section 4).</summary>
    private float[] Noise(long seed)
    {
        var noise = new float[_model.Config.ImageChannels * _plan.Frames * _plan.Height * _plan.Width];
        var random = new TorchRandom(seed);
        // For an edit's source the official code draws a time, which it then sets to 1.
        if (_request.Task == ImageTask.Edit && _model.Config.Vae is not null)
            random.FillNormal(new float[1]);
        random.FillNormal(noise);
        return noise;
    }

    private int[] Encode(string text, string what)
    {
        var ids = _model.Tokenizer.Encode(text);
        if (ImageRequest.PromptLimit(_request.Task, Grid, _model.Config.Variant) is not { } limit || ids.Length <= limit)
            return ids;
        if (_request.Overlong == OverlongPrompt.Refuse)
            throw new RequestException($"the {what} has {ids.Length} tokens; at {_request.Width}x{_request.Height} the model takes {limit}");
        _promptCut = true;
        _warnings.Add($"the {what} was cut from {ids.Length} to {limit} tokens, what the model takes at {_request.Width}x{_request.Height}");
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
        Prompt = _prompt,
        NegativePrompt = _request.Guidance.Needed ? _request.NegativePrompt : "",
        PromptCut = _promptCut,
        Steps = _request.Steps,
        Sampler = _request.Sampler,
        Guidance = _request.Guidance.Scale,
        GuidanceLow = _request.Guidance.Low,
        GuidanceHigh = _request.Guidance.High,
        Seed = _request.Seed + image,
        Width = _request.Width,
        Height = _request.Height,
        Frames = _request.Frames,
        NoiseScale = _request.NoiseScale,
        VaeTile = _request.VaeTile,
        Model = _model.Name,
        Device = _model.Device,
        Weights = _model.Weights,
        Tuning = _model.Backend.Tuning,
    };
}
