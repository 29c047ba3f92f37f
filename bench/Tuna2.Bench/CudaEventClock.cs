using Perfolizer.Horology;
using Tuna2.Engine.Cuda;

namespace Tuna2.Bench;

/// <summary>
/// A clock that ticks on the device. BenchmarkDotNet reads it before and after the launches of an iteration: each reading sets an
/// event behind what is queued and waits for it, so the difference is what the device took for those launches.
/// </summary>
internal sealed class CudaEventClock(BenchDevice device) : IClock, IDisposable
{
    private readonly CudaEvent[] _events = [new(device.Context, timed: true), new(device.Context, timed: true)];
    private int _readings;
    private double _nanoseconds;

    /// <inheritdoc/>
    public string Title => "CUDA events";

    /// <inheritdoc/>
    public bool IsAvailable => true;

    /// <inheritdoc/>
    public Frequency Frequency => new(1e9);

    /// <inheritdoc/>
    public long GetTimestamp()
    {
        var now = _events[_readings % 2];
        now.Record(device.Stream);
        now.Synchronize();
        // From reading to reading rather than from the first: the driver's milliseconds are a float, which grows coarse.
        if (_readings++ > 0)
            _nanoseconds += now.MillisecondsSince(_events[_readings % 2]) * 1e6;
        return (long)_nanoseconds;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var one in _events)
            one.Dispose();
    }
}
