using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Tuna2.Engine.Weights;

/// <summary>
/// A safetensors file, opened for reading. Everything about it is checked before anything is allocated for its tensors: a file
/// that opens holds exactly the tensors it lists, none overlapping, none outside the file.
/// </summary>
/// <remarks>
/// Bytes are read by position, not mapped: a mapped file that another program truncates kills the process, a read ends in an
/// error. All members may be used from several threads at once.
/// </remarks>
public sealed class SafetensorsFile : IDisposable
{
    // Native memory is filled in pieces of this size: far below what one system call or a span can take, large enough to cost nothing.
    private const int ChunkBytes = 64 << 20;

    private readonly SafeFileHandle handle;
    private readonly Dictionary<string, TensorInfo> byName;

    /// <summary>Opens and checks <paramref name="path"/>.</summary>
    /// <exception cref="ModelException">
    /// The file is missing, cannot be read, or is not a safetensors file that keeps the format's rules.
    /// </exception>
    public SafetensorsFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        Path = path;
        handle = OpenHandle(path);
        try
        {
            Bytes = RandomAccess.GetLength(handle);
            var header = ReadHeader();
            Tensors = header.Tensors;
            Metadata = header.Metadata;
            byName = new Dictionary<string, TensorInfo>(Tensors.Count);
            foreach (var tensor in Tensors) byName.Add(tensor.Name, tensor);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>The path the file was opened by.</summary>
    public string Path { get; }

    /// <summary>The bytes of the whole file when it was opened.</summary>
    public long Bytes { get; }

    /// <summary>Every tensor, in the order of their bytes in the file.</summary>
    public IReadOnlyList<TensorInfo> Tensors { get; }

    /// <summary>The free-form strings of the file's <c>__metadata__</c>; empty when there are none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The tensor of that name.</summary>
    /// <exception cref="ModelException">There is none.</exception>
    public TensorInfo this[string name] =>
        byName.TryGetValue(name, out var tensor) ? tensor : throw new ModelException($"{Path}: there is no tensor '{name}'");

    /// <summary>Whether the file has a tensor of that name.</summary>
    public bool Contains(string name) => byName.ContainsKey(name);

    /// <summary>The tensor of that name; false when there is none.</summary>
    public bool TryGet(string name, [NotNullWhen(true)] out TensorInfo? tensor) => byName.TryGetValue(name, out tensor);

    /// <summary>Fills <paramref name="destination"/> with the tensor's bytes from <paramref name="byteOffset"/> on.</summary>
    /// <param name="tensor">A tensor of this file.</param>
    /// <param name="byteOffset">Where to start within the tensor, in bytes.</param>
    /// <param name="destination">Where the bytes go, little endian as in the file; all of it is filled.</param>
    /// <exception cref="ArgumentException">The tensor is of another file.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The bytes asked for are not all within the tensor.</exception>
    /// <exception cref="ModelException">The file has become shorter since it was opened, or reading failed.</exception>
    public void Read(TensorInfo tensor, long byteOffset, Span<byte> destination)
    {
        CheckRange(tensor, byteOffset, destination.Length);
        ReadAt(tensor, tensor.Offset + byteOffset, destination);
    }

    /// <summary>As <see cref="Read(TensorInfo, long, Span{byte})"/>, into memory of any length.</summary>
    internal unsafe void Read(TensorInfo tensor, long byteOffset, byte* destination, long length)
    {
        ArgumentNullException.ThrowIfNull(destination);
        CheckRange(tensor, byteOffset, length);
        for (long done = 0; done < length;)
        {
            var count = (int)Math.Min(ChunkBytes, length - done);
            ReadAt(tensor, tensor.Offset + byteOffset + done, new Span<byte>(destination + done, count));
            done += count;
        }
    }

    /// <summary>The bytes of a tensor as they stand in the file.</summary>
    /// <exception cref="ModelException">There is no such tensor, it does not fit one array, or reading failed.</exception>
    public byte[] ReadBytes(string name)
    {
        var tensor = this[name];
        var bytes = new byte[ArrayLength(tensor, tensor.ByteLength)];
        Read(tensor, 0, bytes);
        return bytes;
    }

    /// <summary>The values of an F32, BF16, F16 or F64 tensor, row-major, as float32 (F64 is rounded, the others are exact).</summary>
    /// <exception cref="ModelException">There is no such tensor, it is of another type or does not fit one array, or reading failed.</exception>
    public float[] ReadFloat32(string name)
    {
        var tensor = this[name];
        if (!FloatConversion.IsFloat(tensor.DType))
            throw new ModelException($"{Path}: tensor '{name}' is {tensor.DType.Name()}, not a float type that can be read as float32");
        var values = new float[ArrayLength(tensor, tensor.ElementCount)];
        ReadElements(tensor, values, FloatConversion.Widen);
        return values;
    }

    /// <summary>The values of an I64 tensor, row-major.</summary>
    /// <exception cref="ModelException">There is no such tensor, it is of another type or does not fit one array, or reading failed.</exception>
    public long[] ReadInt64(string name)
    {
        var tensor = this[name];
        if (tensor.DType != DType.I64) throw new ModelException($"{Path}: tensor '{name}' is {tensor.DType.Name()}, not I64");
        var values = new long[ArrayLength(tensor, tensor.ElementCount)];
        ReadElements(tensor, values, static (_, source, target) => source.CopyTo(MemoryMarshal.AsBytes(target)));
        return values;
    }

    /// <summary>Closes the file. Reading afterwards throws <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose() => handle.Dispose();

    private static SafeFileHandle OpenHandle(string path)
    {
        try
        {
            return File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ModelException($"{path}: there is no such file", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{path}: cannot be opened: {e.Message}", e);
        }
    }

    private SafetensorsHeader ReadHeader()
    {
        if (Bytes < sizeof(ulong))
            throw new ModelException($"{Path}: not a safetensors file: {OneLine.Bytes(Bytes)} are too few for its header");
        Span<byte> start = stackalloc byte[sizeof(ulong)];
        ReadAt(null, 0, start);
        var headerLength = BinaryPrimitives.ReadUInt64LittleEndian(start);
        if (headerLength > SafetensorsHeader.MaxBytes)
            throw NotWeights($"not a safetensors file, or damaged: a header of {headerLength} bytes is over the format's limit of {SafetensorsHeader.MaxBytes}");
        if (headerLength > (ulong)(Bytes - sizeof(ulong)))
        {
            var missing = OneLine.Bytes((long)headerLength - (Bytes - sizeof(ulong)));
            throw NotWeights($"the header of {headerLength} bytes goes past the end of the file: {missing} missing");
        }
        // At most 100 MB, and no more than the file has.
        var json = new byte[headerLength];
        ReadAt(null, sizeof(ulong), json);
        return SafetensorsHeader.Parse(Path, json, Bytes);
    }

    private ModelException NotWeights(string otherwise) => new($"{Path}: {OtherFormat() ?? otherwise}");

    // What people most often have in place of weights. Asked only when the length cannot be one, so no good file is mistaken.
    private string? OtherFormat()
    {
        Span<byte> start = stackalloc byte[(int)Math.Min(64, Bytes)];
        ReadAt(null, 0, start);
        if (start.StartsWith("version https://git-lfs"u8))
            return "not a safetensors file but a Git LFS pointer to one: fetch the file itself with 'git lfs pull'";
        if (start.StartsWith("PK\x03\x04"u8)) return "not a safetensors file but a ZIP archive, perhaps a PyTorch checkpoint: convert it first";
        if (start.StartsWith("GGUF"u8)) return "not a safetensors file but a GGUF file";
        if (start.TrimStart(" \t\r\n\uFEFF"u8).StartsWith("<"u8)) return "not a safetensors file but an HTML or XML page: the download went wrong";
        return null;
    }

    private void CheckRange(TensorInfo tensor, long byteOffset, long length)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (!byName.TryGetValue(tensor.Name, out var own) || !ReferenceEquals(own, tensor))
            throw new ArgumentException($"The tensor '{tensor.Name}' is not of the file {Path}.", nameof(tensor));
        var bytes = tensor.ByteLength;
        ArgumentOutOfRangeException.ThrowIfNegative(byteOffset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(byteOffset, bytes);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, bytes - byteOffset);
    }

    private void ReadAt(TensorInfo? tensor, long offset, Span<byte> destination)
    {
        var what = tensor is null ? "the header" : $"tensor '{tensor.Name}'";
        try
        {
            while (destination.Length > 0)
            {
                var read = RandomAccess.Read(handle, destination, offset);
                if (read == 0)
                    throw new ModelException($"{Path}: {what}: the file ended {OneLine.Bytes(destination.Length)} early: it was cut while open");
                offset += read;
                destination = destination[read..];
            }
        }
        catch (IOException e)
        {
            throw new ModelException($"{Path}: {what} cannot be read: {e.Message}", e);
        }
    }

    private int ArrayLength(TensorInfo tensor, long length) => length <= Array.MaxLength
        ? (int)length
        : throw new ModelException($"{Path}: tensor '{tensor.Name}' with {length} elements is too large for one array");

    // Converts through a small buffer, so that a widened tensor is never in memory twice. The converters take the bytes as they
    // are: the format is little endian, and so is every machine this runs on.
    private void ReadElements<T>(TensorInfo tensor, T[] values, ElementConverter<T> convert)
    {
        const int Elements = 16 * 1024;
        var size = tensor.DType.Size();
        var buffer = ArrayPool<byte>.Shared.Rent(Elements * size);
        try
        {
            for (var done = 0; done < values.Length;)
            {
                var count = Math.Min(Elements, values.Length - done);
                var bytes = buffer.AsSpan(0, count * size);
                Read(tensor, (long)done * size, bytes);
                convert(tensor.DType, bytes, values.AsSpan(done, count));
                done += count;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private delegate void ElementConverter<T>(DType dtype, ReadOnlySpan<byte> source, Span<T> target);
}
