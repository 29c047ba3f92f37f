using System.Globalization;
using System.Security.Cryptography;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Imaging;
using Tuna2.Engine.Sampling;

namespace Tuna2.Engine.Models;

/// <summary>Options with the model's defaults filled in, checked: nothing past this point can be out of range.</summary>
internal sealed record ImageRequest(
    ImageTask Task, int Width, int Height, int Steps, SamplerKind Sampler, Guidance Guidance, long? Seed, string NegativePrompt, float NoiseScale, int Count, OverlongPrompt Overlong,
    int PreviewEvery, IReadOnlyList<string> Warnings, int? VaeTile = null, int Frames = 1, int Batch = 1)
{
    /// <summary>The largest side in pixels: 65,536 tokens at 16 pixels a token.</summary>
    public const int MaxSide = 4096;

    /// <summary>The most solver steps: a bound of sense, twenty times the official number.</summary>
    public const int MaxSteps = 1000;

    /// <summary>The most pictures of one request.</summary>
    public const int MaxCount = 1000;

    /// <summary>The most pictures that are stepped together.</summary>
    public const int MaxBatch = 64;

    /// <summary>The largest guidance and noise scale: config.json's bound too. Beyond it predictions overflow.</summary>
    public const float MaxScale = 1000;

    /// <summary>Seed of text-to-image and text-to-video when none is given (official t2i config).</summary>
    public const long DefaultSeed = 42;

    /// <summary>The tokens of its picture or clip.</summary>
    public Grid Grid(ModelConfig config) => config.GridOf(Width, Height, Frames);

    /// <summary>How many of some pictures a backend steps together: always as many where that decides their bits.</summary>
    public int Together(int pictures, IBackend? backend) => backend is { RowsDecideBits: true } ? Batch : Math.Min(Batch, pictures);

    /// <summary>What is to be denoised.</summary>
    /// <param name="config">The model's.</param>
    /// <param name="branches">The prompt and, where guidance needs it, the negative prompt.</param>
    public DenoisePlan Plan(ModelConfig config, IReadOnlyList<PromptLayout> branches)
    {
        var grid = Grid(config);
        return new(branches, grid.Height * config.PatchSize, grid.Width * config.PatchSize, config.Moves(Steps), Sampler, Guidance,
            Frames: grid.Frames, TimeShift: config.Defaults.TimeShift, Prediction: config.Prediction);
    }

    /// <summary>Fills in and checks.</summary>
    /// <exception cref="RequestException">A value is out of range; the message names it.</exception>
    public static ImageRequest Of(ImageTask task, ImageOptions options, ModelConfig config)
    {
        var d = config.Defaults;
        var edit = task == ImageTask.Edit;
        var (width, height) = Size(options.Width, options.Height, config);
        var steps = options.Steps ?? d.Steps;
        // Of times there are two at least: a beginning and an end.
        var least = 1 + steps - config.Moves(steps);
        if (steps < least || steps > MaxSteps)
            throw new RequestException($"steps must be {least} to {MaxSteps}, not {steps}");
        var guidance = options.Guidance ?? (edit ? d.EditGuidance : d.Guidance);
        if (!(guidance is >= 0 and <= MaxScale))
            throw new RequestException(string.Create(CultureInfo.InvariantCulture, $"guidance must be a number from 0 to {MaxScale}, not {guidance}"));
        var (low, high) = options.GuidanceInterval;
        if (!(low >= 0 && low <= high && high <= 1))
            throw new RequestException(string.Create(CultureInfo.InvariantCulture, $"the guidance interval must lie within 0 to 1, low before high, not {low} to {high}"));
        var noise = options.NoiseScale ?? config.NoiseScale;
        if (!(noise is >= 0 and <= MaxScale))
            throw new RequestException(string.Create(CultureInfo.InvariantCulture, $"the noise scale must be a number from 0 to {MaxScale}, not {noise}"));
        if (options.Count is < 1 or > MaxCount)
            throw new RequestException($"count must be 1 to {MaxCount}, not {options.Count}");
        if (options.Batch is < 1 or > MaxBatch)
            throw new RequestException($"batch must be 1 to {MaxBatch}, not {options.Batch}");
        if (options.PreviewEvery is < 0 or > MaxSteps)
            throw new RequestException($"previews must be 0 (none) to {MaxSteps} steps apart, not {options.PreviewEvery}");
        var sampler = options.Sampler ?? d.Sampler;
        if (!Enum.IsDefined(sampler))
            throw new RequestException($"sampler {(int)sampler} is not one of Euler, Heun");
        if (!Enum.IsDefined(options.OverlongPrompt))
            throw new RequestException($"overlong prompt {(int)options.OverlongPrompt} is not one of Refuse, Cut");
        var negative = options.NegativePrompt ?? (edit ? d.EditNegativePrompt : d.NegativePrompt);
        long? seed = task switch
        {
            ImageTask.Generate or ImageTask.Video => options.Seed ?? DefaultSeed,
            ImageTask.Edit => options.Seed ?? RandomNumberGenerator.GetInt32(int.MaxValue),
            _ => null,
        };
        return new(task, width, height, steps, sampler, new Guidance(guidance, low, high), seed, negative, noise, options.Count, options.OverlongPrompt, options.PreviewEvery,
            OfficialSizes.Warning(config, width, height) is { } warning ? [warning] : [], VaeTiles.Side(options.VaeTile, width, height, config), Batch: task == ImageTask.Reconstruct ? 1 : options.Batch);
    }

    /// <summary>Fills in and checks a clip's.</summary>
    /// <exception cref="RequestException">The model makes no clips, or a value is out of range; the message names it.</exception>
    public static ImageRequest Of(VideoOptions options, ModelConfig config)
    {
        if (config.Vae is not { } vae || config.Defaults.Video is not { } d)
            throw new RequestException($"variant {config.Variant.Name()} makes pictures only: clips take a model of variant {ModelVariant.Tuna.Name()}");
        var frames = options.Frames ?? d.Frames;
        if (frames < 1 + vae.TemporalFactor || frames > VideoOptions.MaxFrames || (frames - 1) % vae.TemporalFactor != 0)
            throw new RequestException($"frames must be 1 and a multiple of {vae.TemporalFactor}, from {1 + vae.TemporalFactor} to {VideoOptions.MaxFrames}, not {frames}");
        if (options.FramesPerSecond is { } rate)
            VideoClip.CheckRate(rate);
        return Of(ImageTask.Video, new()
        {
            Width = options.Width ?? d.Width,
            Height = options.Height ?? d.Height,
            Steps = options.Steps,
            Guidance = options.Guidance ?? d.Guidance,
            GuidanceInterval = options.GuidanceInterval,
            Sampler = options.Sampler,
            Seed = options.Seed,
            NegativePrompt = options.NegativePrompt ?? d.NegativePrompt,
            PreviewEvery = options.PreviewEvery,
            VaeTile = options.VaeTile,
            OverlongPrompt = options.OverlongPrompt,
        }, config) with { Frames = frames };
    }

    /// <summary>A size, from the options or the model, checked.</summary>
    /// <exception cref="RequestException">A side is not a multiple of a token's within 1 token to <see cref="MaxSide"/>.</exception>
    public static (int Width, int Height) Size(int? width, int? height, ModelConfig config)
    {
        return (Side(width ?? config.Defaults.Width, "width"), Side(height ?? config.Defaults.Height, "height"));

        int Side(int side, string name) => side >= config.TokenPixels && side <= MaxSide && side % config.TokenPixels == 0
            ? side
            : throw new RequestException($"{name} must be a multiple of {config.TokenPixels} from {config.TokenPixels} to {MaxSide}, not {side}");
    }

    /// <summary>
    /// The most prompt tokens (MODEL.md section 2, official get_hyper_params); null where the official code does not cut.
    /// </summary>
    public static int? PromptLimit(ImageTask task, Grid grid, ModelVariant variant)
    {
        var span = grid.Count + 1;
        var latent = variant == ModelVariant.Tuna;
        if (task == ImageTask.Edit)
            return (latent ? 3072 : 4096) - 2 * span - 6 is > 0 and var room ? room : null;
        if (latent)
            return (task == ImageTask.Video ? grid.Count + 1024 : 8192) - span - 4 is > 0 and var left ? left : null;
        var aim = grid.Count + 1024;
        var length = Math.Abs(aim - 2048) <= Math.Abs(aim - 5120) ? 2048 : 5120;
        // Reconstruction's padding comes on top of the sequence, so the prompt keeps its room and N more.
        var limit = length - span - 4 + (task == ImageTask.Reconstruct ? grid.Count : 0);
        return limit > 0 ? limit : null;
    }
}
