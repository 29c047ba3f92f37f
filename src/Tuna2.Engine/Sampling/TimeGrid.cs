namespace Tuna2.Engine.Sampling;

/// <summary>The times a picture is denoised over: i / steps for i = 0..steps, formed as torch forms them in float32, and shifted.</summary>
internal static class TimeGrid
{
    /// <summary>steps + 1 times from 0 to 1, t / (t + s - s t) for a shift s (official transport/integrators.py); 1 leaves them where they are.</summary>
    public static float[] Shifted(int steps, float shift)
    {
        var times = Linear(steps);
        for (var i = 0; shift != 1 && i < times.Length; i++)
            times[i] /= times[i] + shift - shift * times[i];
        return times;
    }

    /// <summary>steps + 1 times from 0 to 1, as torch.linspace has them.</summary>
    public static float[] Linear(int steps)
    {
        var step = 1f / steps;
        var times = new float[steps + 1];
        for (var i = 0; i <= steps; i++)
            times[i] = i < (steps + 1) / 2 ? step * i : 1f - step * (steps - i);
        return times;
    }
}
