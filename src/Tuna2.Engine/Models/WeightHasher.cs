using Tuna2.Engine.Graph;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Models;

/// <summary>Places the weights of a declared checkpoint and has the backend make them: <see cref="HashedTensor"/>.</summary>
internal sealed class WeightHasher(Checkpoint declared, IBackend backend, WeightFormat format, IProgress<LoadProgress>? progress, CancellationToken cancellation)
    : WeightPlacer(declared, backend, format)
{
    /// <summary>Elements that are quantized at once.</summary>
    private const int BatchElements = 1 << 20;

    private readonly IBackend _backend = backend;
    private readonly long _total = declared.TotalBytes;
    private long _done;

    /// <inheritdoc/>
    public override IReadOnlyList<IDeviceBuffer> Release()
    {
        // What is optional and not asked for counts as done.
        if (_done < _total)
            progress?.Report(new LoadProgress(_total, _total));
        return base.Release();
    }

    /// <inheritdoc/>
    protected override void Fill(TensorInfo part, Precision precision, IDeviceBuffer buffer, long offset)
    {
        cancellation.ThrowIfCancellationRequested();
        _backend.Fill(HashedTensor.Of(part.Name, part.Shape), part.ElementCount, precision, buffer, offset);
        Report(part);
    }

    /// <inheritdoc/>
    protected override void FillConvolution(TensorInfo part, Precision precision, IDeviceBuffer buffer, int channels, int taps)
    {
        cancellation.ThrowIfCancellationRequested();
        _backend.Fill(HashedTensor.Of(part.Name, part.Shape) with { Channels = channels, Taps = taps }, part.ElementCount, precision, buffer, 0);
        Report(part);
    }

    /// <summary>Made by the host, which is what quantizes.</summary>
    protected override void FillQuantized(TensorInfo part, Weight weight, int firstRow)
    {
        var tensor = HashedTensor.Of(part.Name, part.Shape);
        var rows = new QuantizedRows(weight, _backend);
        for (int row = 0, count; row < part.Shape[0]; row += count)
        {
            cancellation.ThrowIfCancellationRequested();
            count = (int)Math.Min(Math.Max(1, BatchElements / weight.Columns), part.Shape[0] - row);
            var first = row;
            rows.Send(firstRow + row, count, (i, floats) =>
            {
                for (var column = 0; column < floats.Length; column++)
                    floats[column] = tensor[(long)(first + i) * floats.Length + column];
            }, (part, row));
        }
        Report(part);
    }

    private void Report(TensorInfo part)
    {
        _done += part.ByteLength;
        progress?.Report(new LoadProgress(_done, _total));
    }
}
