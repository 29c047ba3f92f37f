namespace Tuna2.Engine.Imaging;

/// <summary>How a clip is read.</summary>
public sealed record VideoReadOptions
{
    /// <summary>The fewest frames that will do, 2 by default: a still picture is no clip. 1 takes it as a clip of one frame.</summary>
    public int MinFrames { get; init; } = 2;

    /// <summary>How many frames are read at most; null for all, as far as <see cref="VideoClip.MaxBytes"/> allows.</summary>
    public int? MaxFrames { get; init; }

    /// <summary>
    /// Where there are more than <see cref="MaxFrames"/>: false takes the first of them; true takes as many at even distances over the
    /// whole clip, frame i * total / MaxFrames, as the official code samples its films, and slows the rate accordingly.
    /// </summary>
    public bool Spread { get; init; }

    /// <summary>Frames per second of a folder, whose pictures do not say; films and animations have their own.</summary>
    public double FolderFramesPerSecond { get; init; } = VideoClip.DefaultFramesPerSecond;

    internal void Check()
    {
        if (MinFrames < 1)
            throw new RequestException($"the fewest frames of a clip are at least 1, not {MinFrames}");
        if (MaxFrames is { } most && most < MinFrames)
            throw new RequestException($"a clip of at least {MinFrames} frames cannot be cut to {most}");
        VideoClip.CheckRate(FolderFramesPerSecond);
    }
}
