using System.Buffers;
using System.Runtime.InteropServices;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Models;

/// <summary>Places the weights of a checkpoint and reads them.</summary>
internal sealed class WeightLoader(Checkpoint checkpoint, IBackend backend, IProgress<LoadProgress>? progress, CancellationToken cancellation)
    : WeightPlacer(checkpoint, backend)
{
    private const int ChunkBytes = 4 << 20;

    private readonly Checkpoint _checkpoint = checkpoint;
    private readonly IBackend _backend = backend;
    private readonly long _total = checkpoint.TotalBytes;
    private long _done;

    /// <inheritdoc/>
    public override IReadOnlyList<IDeviceBuffer> Release()
    {
        // What only training needs (mask_token) is never read, and counts as done.
        if (_done < _total)
            progress?.Report(new LoadProgress(_total, _total));
        return base.Release();
    }

    /// <inheritdoc/>
    protected override void FillConvolution(TensorInfo part, Precision precision, IDeviceBuffer buffer, int channels, int taps)
    {
        var row = new byte[channels * taps * part.DType.Size()];
        float[] read = new float[channels * taps], ordered = new float[channels * taps];
        var rounded = precision == Precision.BF16 ? new ushort[channels * taps] : [];
        for (long at = 0, to = 0; at < part.ByteLength; at += row.Length)
        {
            cancellation.ThrowIfCancellationRequested();
            _checkpoint.Read(part, at, row);
            FloatConversion.Widen(part.DType, row, read);
            for (var c = 0; c < channels; c++)
                for (var t = 0; t < taps; t++)
                    ordered[t * channels + c] = read[c * taps + t];
            var converted = MemoryMarshal.AsBytes(ordered.AsSpan());
            if (precision == Precision.BF16)
            {
                FloatConversion.RoundToBF16(ordered, rounded);
                converted = MemoryMarshal.AsBytes(rounded.AsSpan());
            }
            _backend.Upload(converted, buffer, to);
            to += converted.Length;
            _done += row.Length;
            progress?.Report(new LoadProgress(_done, _total));
        }
    }

    /// <inheritdoc/>
    protected override void Fill(TensorInfo part, Precision precision, IDeviceBuffer buffer, long offset)
    {
        var chunk = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        var asStored = part.DType == (precision == Precision.BF16 ? DType.BF16 : DType.F32);
        var widened = asStored ? [] : new float[Math.Min(ChunkBytes, part.ByteLength) / part.DType.Size()];
        var rounded = asStored || precision == Precision.F32 ? [] : new ushort[widened.Length];
        try
        {
            for (long at = 0; at < part.ByteLength;)
            {
                cancellation.ThrowIfCancellationRequested();
                var bytes = chunk.AsSpan(0, (int)Math.Min(ChunkBytes, part.ByteLength - at));
                _checkpoint.Read(part, at, bytes);
                if (asStored)
                {
                    _backend.Upload(bytes, buffer, offset);
                    offset += bytes.Length;
                }
                else
                {
                    var floats = widened.AsSpan(0, bytes.Length / part.DType.Size());
                    FloatConversion.Widen(part.DType, bytes, floats);
                    var converted = MemoryMarshal.AsBytes(floats);
                    if (precision == Precision.BF16)
                    {
                        FloatConversion.RoundToBF16(floats, rounded);
                        converted = MemoryMarshal.AsBytes(rounded.AsSpan(0, floats.Length));
                    }
                    _backend.Upload(converted, buffer, offset);
                    offset += converted.Length;
                }
                at += bytes.Length;
                _done += bytes.Length;
                progress?.Report(new LoadProgress(_done, _total));
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(chunk);
        }
    }
}
