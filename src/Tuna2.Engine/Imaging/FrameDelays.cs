namespace Tuna2.Engine.Imaging;

/// <summary>Between a steady rate and animations, which say of every picture how long it is shown.</summary>
internal static class FrameDelays
{
    /// <summary>How many seconds a picture is shown whose file says no time at all: what browsers make of it.</summary>
    public const double Unsaid = 0.1;

    /// <summary>The milliseconds of each frame: what is rounded off one is given to a later one, so that the whole lasts as long as it should.</summary>
    public static int[] Of(int frames, double framesPerSecond)
    {
        var delays = new int[frames];
        for (var i = 0; i < frames; i++)
            delays[i] = End(i + 1) - End(i);
        return delays;

        int End(int count) => (int)Math.Round(count * 1000.0 / framesPerSecond);
    }

    /// <summary>
    /// How many frames of a steady rate show each picture, one or more: times of the shortest. Encoders join frames that are equal,
    /// and a picture that stays is to stay.
    /// </summary>
    public static int[] Repeats(IReadOnlyList<double> seconds)
    {
        // The shortest may have been rounded down; those of about its length together are nearer to what was meant.
        var shortest = seconds.Min();
        var once = seconds.Where(s => s < 1.5 * shortest).Average();
        return [.. seconds.Select(s => Math.Max(1, (int)Math.Min(Math.Round(s / once), int.MaxValue / seconds.Count)))];
    }

    /// <summary>The rate of frames shown for these seconds in all: a whole number where that is meant.</summary>
    /// <param name="frames">How many.</param>
    /// <param name="seconds">All of them.</param>
    /// <param name="rounding">What the file may have rounded off.</param>
    public static double Rate(int frames, double seconds, double rounding)
    {
        var rate = frames / seconds;
        var whole = Math.Round(rate);
        return whole >= 1 && Math.Abs(frames / whole - seconds) <= rounding ? whole : rate;
    }
}
