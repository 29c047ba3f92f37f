namespace Tuna2.Engine.Sampling;

/// <summary>The times a picture is denoised over: i / steps for i = 0..steps, formed as torch.linspace forms them in float32.</summary>
internal static class TimeGrid
{
    /// <summary>steps + 1 times from 0 to 1.</summary>
    public static float[] Linear(int steps)
    {
        var step = 1f / steps;
        var times = new float[steps + 1];
        for (var i = 0; i <= steps; i++)
            times[i] = i < (steps + 1) / 2 ? step * i : 1f - step * (steps - i);
        return times;
    }
}
