using System.CommandLine;
using Tuna2.Engine;
using Tuna2.Engine.Imaging;
using Tuna2.Engine.Models;

namespace Tuna2.Cli.Options;

/// <summary>A clip to ask about: --video, and --frames, how many of its frames are seen.</summary>
internal sealed class ClipOptions
{
    private readonly Option<string?> _video;
    private readonly Option<int?> _frames = NumberOptions.Integer("--frames", "How many frames of a clip are seen, 5, 9, 13, ..., spread over all of it [default: every one]");
    private readonly bool _more;

    /// <param name="description">What --video is for.</param>
    /// <param name="more">Whether clips may be named later, too, so that --frames says something without --video.</param>
    public ClipOptions(string description, bool more)
    {
        _more = more;
        _video = new("--video")
        {
            Description = $"{description}: an animated PNG, WebP or GIF, a folder of pictures, or a film that ffmpeg reads; a model of variant tuna",
            HelpName = "CLIP",
        };
    }

    public void AddTo(Command command)
    {
        command.Add(_video);
        command.Add(_frames);
    }

    /// <summary>The clip of --video; null without the option.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="pictures">How many pictures it names.</param>
    /// <param name="config">The model.</param>
    /// <param name="cancellation">Stops the reading.</param>
    /// <exception cref="RequestException">The options contradict each other, or the model sees no clips.</exception>
    /// <exception cref="ImageException">It cannot be read.</exception>
    public VideoClip? Read(ParseResult parsed, int pictures, ModelConfig config, CancellationToken cancellation)
    {
        if (parsed.GetValue(_video) is { } path)
            return pictures == 0 ? Load(parsed, path, config, cancellation) : throw new RequestException("a question is about pictures or about the clip of --video, not both");
        if (parsed.GetValue(_frames) is { } frames)
            _ = _more ? Seeing(config).LatentFrames(frames) : throw new RequestException("--frames is for the clip of --video");
        return null;
    }

    /// <summary>A clip, as many of its frames as --frames says.</summary>
    /// <exception cref="RequestException">The model sees no clips, or not of so many frames.</exception>
    /// <exception cref="ImageException">It cannot be read.</exception>
    public VideoClip Load(ParseResult parsed, string path, ModelConfig config, CancellationToken cancellation)
    {
        var (vae, frames) = (Seeing(config), parsed.GetValue(_frames));
        if (frames is { } asked)
            _ = vae.LatentFrames(asked);
        var clip = VideoClip.Load(path, new() { MinFrames = 1, MaxFrames = frames, Spread = true }, cancellation);
        _ = vae.LatentFrames(clip.Frames.Count);
        return clip;
    }

    private static VaeConfig Seeing(ModelConfig config) =>
        config.Vae ?? throw new RequestException($"variant {config.Variant.Name()} sees pictures only: clips take a model of variant {ModelVariant.Tuna.Name()}");
}
