namespace Tuna2.Engine.Imaging;

/// <summary>Frames per second, and the whole milliseconds animations count in.</summary>
internal static class FrameDelays
{
    /// <summary>How long a frame is shown whose file says no time at all: what browsers make of it.</summary>
    public const int Unsaid = 100;

    /// <summary>The milliseconds of each frame: what is rounded off one is given to a later one, so that the whole lasts as long as it should.</summary>
    public static int[] Of(int frames, double framesPerSecond)
    {
        var delays = new int[frames];
        for (var i = 0; i < frames; i++)
            delays[i] = End(i + 1, framesPerSecond) - End(i, framesPerSecond);
        return delays;
    }

    /// <summary>The rate of frames shown for these milliseconds in all: a whole number where that, rounded as <see cref="Of"/> does, is meant.</summary>
    public static double Rate(int frames, long milliseconds)
    {
        var rate = frames * 1000.0 / milliseconds;
        var whole = Math.Round(rate);
        return whole >= 1 && End(frames, whole) == milliseconds ? whole : rate;
    }

    private static int End(int frames, double framesPerSecond) => (int)Math.Round(frames * 1000.0 / framesPerSecond);
}
