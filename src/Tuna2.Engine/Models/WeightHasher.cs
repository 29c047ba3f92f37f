using System.Runtime.InteropServices;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Models;

/// <summary>Places the weights of a declared checkpoint and has the backend make them: <see cref="HashedTensor"/>.</summary>
internal sealed class WeightHasher(Checkpoint declared, IBackend backend, IProgress<LoadProgress>? progress, CancellationToken cancellation) : WeightPlacer(declared, backend)
{
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
        var tensor = HashedTensor.Of(part.Name, part.Shape);
        var ordered = new float[channels * taps];
        var rounded = precision == Precision.BF16 ? new ushort[ordered.Length] : [];
        for (long first = 0, to = 0; first < part.ElementCount; first += ordered.Length)
        {
            cancellation.ThrowIfCancellationRequested();
            for (var c = 0; c < channels; c++)
                for (var t = 0; t < taps; t++)
                    ordered[t * channels + c] = tensor[first + c * taps + t];
            var row = MemoryMarshal.AsBytes(ordered.AsSpan());
            if (precision == Precision.BF16)
            {
                FloatConversion.RoundToBF16(ordered, rounded);
                row = MemoryMarshal.AsBytes(rounded.AsSpan());
            }
            _backend.Upload(row, buffer, to);
            to += row.Length;
        }
        Report(part);
    }

    private void Report(TensorInfo part)
    {
        _done += part.ByteLength;
        progress?.Report(new LoadProgress(_done, _total));
    }
}
