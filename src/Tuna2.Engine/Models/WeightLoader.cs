using System.Runtime.InteropServices;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Models;

/// <summary>Places the weights of a checkpoint and reads them.</summary>
internal sealed class WeightLoader(Checkpoint checkpoint, IBackend backend, WeightFormat format, IProgress<LoadProgress>? progress, CancellationToken cancellation)
    : WeightPlacer(checkpoint, backend, format)
{
    /// <summary>Bytes that are read before they are converted: half a piece at most, as they may become twice as many.</summary>
    private const int StoredBytes = 2 << 20;

    private readonly Checkpoint _checkpoint = checkpoint;
    private readonly IBackend _backend = backend;
    private readonly IUploader _uploader = backend.OpenUploader();
    private readonly byte[] _stored = new byte[StoredBytes];
    private readonly float[] _widened = new float[StoredBytes / sizeof(ushort)];
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
        var asStored = part.DType == (precision == Precision.BF16 ? DType.BF16 : DType.F32);
        for (long at = 0; at < part.ByteLength;)
        {
            cancellation.ThrowIfCancellationRequested();
            var piece = _uploader.NextPiece();
            int read, sent;
            if (asStored)
            {
                read = sent = (int)Math.Min(piece.Length, part.ByteLength - at);
                _checkpoint.Read(part, at, piece[..read]);
            }
            else
            {
                read = (int)Math.Min(_stored.Length, part.ByteLength - at);
                sent = Convert(part, at, read, precision, piece);
            }
            _uploader.Send(sent, buffer, offset);
            (at, offset, _done) = (at + read, offset + sent, _done + read);
            progress?.Report(new LoadProgress(_done, _total));
        }
    }

    /// <inheritdoc/>
    protected override void FillQuantized(TensorInfo part, Weight weight, int firstRow)
    {
        var rowBytes = weight.Columns * part.DType.Size();
        var most = Math.Max(1, _stored.Length / rowBytes);
        var stored = rowBytes <= _stored.Length ? _stored : new byte[rowBytes];
        var rows = new QuantizedRows(weight, _backend);
        for (int row = 0, count; row < part.Shape[0]; row += count)
        {
            cancellation.ThrowIfCancellationRequested();
            count = (int)Math.Min(most, part.Shape[0] - row);
            _checkpoint.Read(part, (long)row * rowBytes, stored.AsSpan(0, count * rowBytes));
            rows.Send(firstRow + row, count, (i, floats) => FloatConversion.Widen(part.DType, stored.AsSpan(i * rowBytes, rowBytes), floats), (part, row));
            _done += (long)count * rowBytes;
            progress?.Report(new LoadProgress(_done, _total));
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _uploader.Dispose();
        base.Dispose(disposing);
    }

    /// <summary>Reads bytes of a tensor and puts their values there in another precision; returns how many bytes those take.</summary>
    private int Convert(TensorInfo part, long at, int bytes, Precision precision, Span<byte> to)
    {
        var stored = _stored.AsSpan(0, bytes);
        _checkpoint.Read(part, at, stored);
        var count = bytes / part.DType.Size();
        if (precision == Precision.F32)
        {
            FloatConversion.Widen(part.DType, stored, MemoryMarshal.Cast<byte, float>(to)[..count]);
            return count * sizeof(float);
        }
        var widened = _widened.AsSpan(0, count);
        FloatConversion.Widen(part.DType, stored, widened);
        FloatConversion.RoundToBF16(widened, MemoryMarshal.Cast<byte, ushort>(to)[..count]);
        return count * sizeof(ushort);
    }
}
