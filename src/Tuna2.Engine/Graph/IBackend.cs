using System.Runtime.InteropServices;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Graph;

/// <summary>Memory of a backend: a weight, a state or an arena. Deterministically freed by its owner.</summary>
public interface IDeviceBuffer : IDisposable
{
    /// <summary>Its size in bytes.</summary>
    long Bytes { get; }
}

/// <summary>
/// What runs ops: the CPU today, CUDA beside it. Nothing above this interface sees a pointer, nothing below it knows a model.
/// </summary>
public interface IBackend : IDisposable
{
    /// <summary>What a user calls it: "cpu", "cuda:0".</summary>
    string Name { get; }

    /// <summary>
    /// How it chooses among ways to compute that round differently, for a picture's parameters: a seed is the same picture, bit for bit,
    /// only under the same. Null where there is one way.
    /// </summary>
    string? Tuning => null;

    /// <summary>Memory for weights, a state or an arena, aligned to <see cref="Plan.Alignment"/>; contents undefined.</summary>
    /// <exception cref="DeviceException">There is not that much memory.</exception>
    IDeviceBuffer Allocate(long bytes, string what);

    /// <summary>Bytes that can still be had; null where nobody can tell, or nobody wants to be told.</summary>
    long? AvailableBytes => null;

    /// <summary>Copies host bytes into a buffer at a byte offset.</summary>
    void Upload(ReadOnlySpan<byte> source, IDeviceBuffer destination, long offset);

    /// <summary>Copies bytes of a buffer to the host.</summary>
    void Download(IDeviceBuffer source, long offset, Span<byte> destination);

    /// <summary>Copies bytes from one buffer into another; through the host where a backend has no shorter way.</summary>
    void Copy(IDeviceBuffer source, long sourceOffset, IDeviceBuffer destination, long destinationOffset, long bytes)
    {
        var piece = new byte[(int)Math.Min(bytes, 1 << 20)];
        for (long done = 0; done < bytes; done += piece.Length)
        {
            var part = piece.AsSpan(0, (int)Math.Min(piece.Length, bytes - done));
            Download(source, sourceOffset + done, part);
            Upload(part, destination, destinationOffset + done);
        }
    }

    /// <summary>Fills memory with the elements of a tensor nobody trained; through the host where a backend has no shorter way.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="count">Its elements.</param>
    /// <param name="precision">What they are stored as.</param>
    /// <param name="destination">The memory.</param>
    /// <param name="offset">Byte offset of the first.</param>
    void Fill(HashedTensor tensor, long count, Precision precision, IDeviceBuffer destination, long offset)
    {
        const int Piece = 1 << 18;
        var floats = new float[Math.Min(count, Piece)];
        var halves = precision == Precision.BF16 ? new ushort[floats.Length] : [];
        for (long first = 0; first < count; first += Piece)
        {
            var (begin, elements) = (first, (int)Math.Min(Piece, count - first));
            Parallel.For(0, (elements + 4095) / 4096, part =>
            {
                for (var i = part * 4096; i < Math.Min(elements, part * 4096 + 4096); i++)
                    floats[i] = tensor[begin + i];
            });
            var values = MemoryMarshal.AsBytes(floats.AsSpan(0, elements));
            if (precision == Precision.BF16)
            {
                FloatConversion.RoundToBF16(floats.AsSpan(0, elements), halves);
                values = MemoryMarshal.AsBytes(halves.AsSpan(0, elements));
            }
            Upload(values, destination, offset);
            offset += values.Length;
        }
    }

    /// <summary>A way to stream much into memory; dispose it when all is sent.</summary>
    IUploader OpenUploader() => new ImmediateUploader(this);

    /// <summary>
    /// Whether a row's bits may depend on how many rows are computed with it: pictures that are stepped together are then what they would be
    /// alone but for rounding, and how many they were is among their parameters.
    /// </summary>
    bool RowsDecideBits => false;

    /// <summary>Whether what a request takes is worth keeping for the next one: where taking it is slow, or runs are captured.</summary>
    bool KeepsSlots => false;

    /// <summary>Bytes of an activation: 4 for float32, 2 for bfloat16.</summary>
    int ActivationBytes => sizeof(float);

    /// <summary>What matrices are stored as; null for what the checkpoint has.</summary>
    Precision? MatrixPrecision => null;

    /// <summary>Whether a product and the SwiGLU behind it are better one op than two: no pair of (rows, 2 x width) then goes to memory and back.</summary>
    bool FusesSwiGlu(Ops.MatMul product) => false;

    /// <summary>
    /// Makes a planned graph ready to run; what it takes for that is taken here. <paramref name="memory"/> says where values are,
    /// then and always.
    /// </summary>
    /// <exception cref="DeviceException">There is not enough memory, or an op has no kernel for such sizes.</exception>
    GraphProgram Prepare(Plan plan, IMemoryMap memory, BatchBounds bounds);
}

/// <summary>Where values live during a run.</summary>
public interface IMemoryMap
{
    /// <summary>The buffer a value lies in, and its byte offset there.</summary>
    (IDeviceBuffer Buffer, long Offset) Locate(Value value);
}
