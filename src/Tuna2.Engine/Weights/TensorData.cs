using System.Buffers.Binary;

namespace Tuna2.Engine.Weights;

/// <summary>A tensor to be written: what it is, and its bytes or the means to make them when their turn comes.</summary>
public sealed class TensorData
{
    private readonly Action<Stream> write;

    /// <summary>A tensor whose bytes are streamed, so that it may be larger than memory.</summary>
    /// <param name="name">The name in the file.</param>
    /// <param name="dtype">The element type.</param>
    /// <param name="shape">The dimensions, outermost first; empty for a scalar.</param>
    /// <param name="write">Called once per file written; puts exactly the tensor's bytes, row-major and little endian.</param>
    /// <exception cref="ModelException">The shape has a negative dimension or overflows.</exception>
    public TensorData(string name, DType dtype, IReadOnlyList<long> shape, Action<Stream> write)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentNullException.ThrowIfNull(write);
        if (!TensorShape.TryByteLength(shape, dtype, out var bytes))
            throw new ModelException($"tensor '{name}': the shape {TensorShape.Text(shape)} is negative or overflows");
        Name = name;
        DType = dtype;
        Shape = shape;
        ByteLength = bytes;
        this.write = write;
    }

    /// <summary>A tensor whose bytes are in memory, row-major and little endian.</summary>
    /// <exception cref="ModelException">The shape overflows, or its size is not that of <paramref name="bytes"/>.</exception>
    public TensorData(string name, DType dtype, IReadOnlyList<long> shape, ReadOnlyMemory<byte> bytes)
        : this(name, dtype, shape, stream => stream.Write(bytes.Span))
    {
        if (bytes.Length != ByteLength)
            throw new ModelException($"tensor '{name}': {dtype.Name()} {TensorShape.Text(shape)} takes {ByteLength} bytes, not {bytes.Length}");
    }

    /// <summary>An F32 tensor of <paramref name="values"/>, row-major.</summary>
    /// <exception cref="ModelException">The shape overflows, or its size is not that of <paramref name="values"/>.</exception>
    public static TensorData FromFloat32(string name, IReadOnlyList<long> shape, ReadOnlySpan<float> values)
    {
        var bytes = new byte[checked(values.Length * sizeof(float))];
        for (var i = 0; i < values.Length; i++) BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(i * sizeof(float)), values[i]);
        return new TensorData(name, DType.F32, shape, bytes);
    }

    /// <summary>The name in the file.</summary>
    public string Name { get; }

    /// <summary>The element type.</summary>
    public DType DType { get; }

    /// <summary>The dimensions, outermost first.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>How many bytes the tensor takes.</summary>
    public long ByteLength { get; }

    /// <summary>Writes the tensor's bytes and makes sure there are neither more nor fewer than its shape says.</summary>
    internal void WriteTo(Stream stream)
    {
        using var counting = new CountingStream(stream, ByteLength, $"tensor '{Name}'");
        write(counting);
        if (counting.Count != ByteLength)
            throw new ModelException($"tensor '{Name}': its {ByteLength} bytes were to be written, {counting.Count} were");
    }
}
