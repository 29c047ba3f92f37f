using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Cuda;

/// <summary>
/// Times launch by launch, between marks in the stream. Within a turn; what is queued before it keeps the device busy while the
/// launches are queued, so that the host's time is not in theirs.
/// </summary>
/// <param name="launcher">What launches.</param>
/// <param name="stream">Where.</param>
internal sealed class KernelTimer(ILauncher launcher, CudaStream stream) : ILauncher, IDisposable
{
    private readonly List<(string Name, Cost Cost, CudaEvent Begin, CudaEvent End)> _timed = [];
    private readonly List<CudaEvent> _marks = [];
    private Cost _expected;

    /// <summary>What the next launch must move and compute.</summary>
    public void Expect(Cost cost) => _expected = cost;

    /// <inheritdoc/>
    public void Launch(KernelInstance kernel, in LaunchShape shape, ReadOnlySpan<byte> arguments, string node)
    {
        var (begin, end) = NewMarks();
        begin.Record(stream);
        launcher.Launch(kernel, shape, arguments, node);
        end.Record(stream);
        _timed.Add((kernel.Name, _expected, begin, end));
    }

    /// <summary>Times what is no launch of ours, if it is done at all.</summary>
    /// <returns>Whether it was.</returns>
    public bool Time(string name, Cost cost, Func<bool> queue)
    {
        var (begin, end) = NewMarks();
        begin.Record(stream);
        var done = queue();
        if (done)
        {
            end.Record(stream);
            _timed.Add((name, cost, begin, end));
        }
        return done;
    }

    /// <summary>What each kernel took; everything queued is waited for.</summary>
    public IReadOnlyList<KernelTime> Read()
    {
        if (_timed.Count == 0)
            return [];
        _timed[^1].End.Synchronize();
        return KernelTime.Sum(_timed.Select(t => new KernelTime(t.Name, 1, t.End.MillisecondsSince(t.Begin) / 1e3, t.Cost.Bytes, t.Cost.Flops)));
    }

    /// <inheritdoc/>
    public void Dispose() => _marks.ForEach(mark => mark.Dispose());

    private (CudaEvent Begin, CudaEvent End) NewMarks()
    {
        _marks.Add(new CudaEvent(stream.Context, timed: true));
        _marks.Add(new CudaEvent(stream.Context, timed: true));
        return (_marks[^2], _marks[^1]);
    }
}
