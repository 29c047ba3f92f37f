using System.Buffers;
using System.Runtime.InteropServices;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Models;

/// <summary>
/// Moves tensors from a checkpoint to a backend, stacking on the way. Matrices stay bfloat16 (float16 and float32 checkpoints
/// become float32, losing nothing); vectors become float32.
/// </summary>
internal sealed class WeightLoader(Checkpoint checkpoint, IBackend backend, IProgress<LoadProgress>? progress, CancellationToken cancellation) : IDisposable
{
    private const int ChunkBytes = 4 << 20;

    private readonly List<IDeviceBuffer> _buffers = [];
    private readonly long _total = checkpoint.TotalBytes;
    private long _done;

    /// <summary>Everything loaded so far, to be owned by the caller once all is well.</summary>
    public IReadOnlyList<IDeviceBuffer> Release()
    {
        // What only training needs (mask_token) is never read, and counts as done.
        if (_done < _total)
            progress?.Report(new LoadProgress(_total, _total));
        IDeviceBuffer[] all = [.. _buffers];
        _buffers.Clear();
        return all;
    }

    /// <summary>Tensors of shape (rows, ...) stacked along their rows; dimensions after the first are one row.</summary>
    public Weight Matrix(params string[] names)
    {
        var parts = names.Select(name => checkpoint[name]).ToArray();
        var columns = checked((int)(parts[0].ElementCount / parts[0].Shape[0]));
        var rows = checked((int)parts.Sum(p => p.Shape[0]));
        return Load(names, parts, rows, columns, backend.MatrixPrecision ?? (parts.All(p => p.DType == DType.BF16) ? Precision.BF16 : Precision.F32));
    }

    /// <summary>Tensors of one dimension, one behind the other, as float32.</summary>
    public Weight Vector(params string[] names)
    {
        var parts = names.Select(name => checkpoint[name]).ToArray();
        return Load(names, parts, 1, checked((int)parts.Sum(p => p.ElementCount)), Precision.F32);
    }

    /// <summary>Frees what nobody took over.</summary>
    public void Dispose()
    {
        foreach (var buffer in _buffers)
            buffer.Dispose();
    }

    private Weight Load(string[] names, TensorInfo[] parts, int rows, int columns, Precision precision)
    {
        var size = precision == Precision.BF16 ? sizeof(ushort) : sizeof(float);
        var buffer = backend.Allocate((long)rows * columns * size, string.Join('+', names));
        _buffers.Add(buffer);
        long offset = 0;
        foreach (var part in parts)
        {
            Copy(part, precision, buffer, offset);
            offset += part.ElementCount * size;
        }
        return new Weight(names, rows, columns, precision, buffer, 0);
    }

    private void Copy(TensorInfo part, Precision precision, IDeviceBuffer buffer, long offset)
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
                checkpoint.Read(part, at, bytes);
                if (asStored)
                {
                    backend.Upload(bytes, buffer, offset);
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
                    backend.Upload(converted, buffer, offset);
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
