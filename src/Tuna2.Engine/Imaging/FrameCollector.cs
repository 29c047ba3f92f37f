namespace Tuna2.Engine.Imaging;

/// <summary>Gathers the frames of a clip that is being read: those that are wanted, all of one size, no more than memory should hold.</summary>
/// <param name="name">What errors call the clip.</param>
/// <param name="options">Which frames are wanted.</param>
/// <param name="total">How many frames the clip has; null where nobody knows, and then nothing can be spread.</param>
internal sealed class FrameCollector(string name, VideoReadOptions options, int? total)
{
    private readonly int _wanted = Math.Min(options.MaxFrames ?? int.MaxValue, total ?? int.MaxValue);
    private readonly List<RgbImage> _frames = [];
    private int _offered;

    /// <summary>Whether all that is wanted is here.</summary>
    public bool IsFull => _frames.Count >= _wanted;

    /// <summary>Takes the next frames of the clip as far as they are wanted.</summary>
    /// <param name="repeats">How many frames show the picture.</param>
    /// <param name="picture">Makes it; called when it is wanted.</param>
    /// <param name="label">What errors call it; null for its number.</param>
    /// <exception cref="ImageException">It has another size than those before it, or the clip is too large.</exception>
    public void Offer(int repeats, Func<RgbImage> picture, string? label = null)
    {
        RgbImage? frame = null;
        for (; repeats > 0 && !IsFull; repeats--)
            if (Wants(_offered++))
                Add(frame ??= picture(), label ?? $"{name}, frame {_offered}");
    }

    /// <summary>The clip.</summary>
    /// <param name="framesPerSecond">The rate of the whole.</param>
    /// <exception cref="ImageException">There are too few frames.</exception>
    public VideoClip Finish(double framesPerSecond)
    {
        if (_frames.Count < options.MinFrames)
        {
            throw new ImageException(_frames.Count == 1 && options.MinFrames == 2
                ? $"{name}: a still picture, not a clip"
                : $"{name}: {_frames.Count} {(_frames.Count == 1 ? "frame" : "frames")}, at least {options.MinFrames} are needed");
        }
        var rate = options.Spread && total > _frames.Count ? framesPerSecond * _frames.Count / total.Value : framesPerSecond;
        return new(_frames, Math.Min(rate, VideoClip.MaxFramesPerSecond));
    }

    private bool Wants(int index) => !(options.Spread && total is not null) || index == (int)((long)_frames.Count * total.Value / _wanted);

    private void Add(RgbImage frame, string label)
    {
        if (_frames.Count > 0 && (frame.Width, frame.Height) != (_frames[0].Width, _frames[0].Height))
            throw new ImageException($"{label}: {frame.Width}x{frame.Height} pixels, the frames before it {_frames[0].Width}x{_frames[0].Height}");
        if ((_frames.Count + 1L) * frame.Pixels.Length > VideoClip.MaxBytes)
            throw new ImageException($"{name}: more than {_frames.Count} frames of {frame.Width}x{frame.Height} take more than {VideoClip.MaxBytes >> 30} GiB: read fewer");
        _frames.Add(frame);
    }
}
