using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Tuna2.Engine.Weights;

/// <summary>
/// A file of weights, opened for reading: its tensors by name, read by position wherever they lie. Everything about it is checked
/// when it is opened, before anything is allocated for its tensors.
/// </summary>
/// <remarks>
/// Bytes are read by position, not mapped: a mapped file that another program truncates kills the process, a read ends in an
/// error. All members may be used from several threads at once.
/// </remarks>
public abstract class WeightFile : IDisposable
{
    // Native memory is filled in pieces of this size: far below what one system call or a span can take, large enough to cost nothing.
    private const int ChunkBytes = 64 << 20;

    private readonly SafeFileHandle handle;
    private readonly Dictionary<string, TensorInfo> byName = [];
    private readonly IReadOnlyList<TensorInfo> tensors = [];

    private protected WeightFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        Path = path;
        handle = OpenHandle(path);
        Bytes = RandomAccess.GetLength(handle);
    }

    /// <summary>The path the file was opened by.</summary>
    public string Path { get; }

    /// <summary>The bytes of the whole file when it was opened.</summary>
    public long Bytes { get; }

    /// <summary>Every tensor, in the order of their bytes in the file.</summary>
    public IReadOnlyList<TensorInfo> Tensors
    {
        get => tensors;
        private protected init
        {
            tensors = value;
            byName.EnsureCapacity(value.Count);
            foreach (var tensor in value) byName.Add(tensor.Name, tensor);
        }
    }

    /// <summary>The tensor of that name.</summary>
    /// <exception cref="ModelException">There is none.</exception>
    public TensorInfo this[string name] =>
        byName.TryGetValue(name, out var tensor) ? tensor : throw new ModelException($"{Path}: there is no tensor '{name}'");

    /// <summary>Opens a file of the format its name ends with: PyTorch's (.pth, .pt, .bin, .ckpt), else safetensors.</summary>
    /// <exception cref="ModelException">The file is missing, cannot be read, or breaks a rule of its format.</exception>
    public static WeightFile Open(string path) => TorchFile.HasItsName(path) ? new TorchFile(path) : new SafetensorsFile(path);

    /// <summary>Whether the file has a tensor of that name.</summary>
    public bool Contains(string name) => byName.ContainsKey(name);

    /// <summary>The tensor of that name; false when there is none.</summary>
    public bool TryGet(string name, [NotNullWhen(true)] out TensorInfo? tensor) => byName.TryGetValue(name, out tensor);

    /// <summary>Fills <paramref name="destination"/> with the tensor's bytes from <paramref name="byteOffset"/> on.</summary>
    /// <param name="tensor">A tensor of this file.</param>
    /// <param name="byteOffset">Where to start within the tensor, in bytes.</param>
    /// <param name="destination">Where the bytes go, row-major and little endian; all of it is filled.</param>
    /// <exception cref="ArgumentException">The tensor is of another file.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The bytes asked for are not all within the tensor.</exception>
    /// <exception cref="ModelException">The file has become shorter since it was opened, or reading failed.</exception>
    public void Read(TensorInfo tensor, long byteOffset, Span<byte> destination)
    {
        CheckRange(tensor, byteOffset, destination.Length);
        ReadWithin(tensor, byteOffset, destination);
    }

    /// <summary>As <see cref="Read(TensorInfo, long, Span{byte})"/>, into memory of any length.</summary>
    internal unsafe void Read(TensorInfo tensor, long byteOffset, byte* destination, long length)
    {
        ArgumentNullException.ThrowIfNull(destination);
        CheckRange(tensor, byteOffset, length);
        for (long done = 0; done < length;)
        {
            var count = (int)Math.Min(ChunkBytes, length - done);
            ReadWithin(tensor, byteOffset + done, new Span<byte>(destination + done, count));
            done += count;
        }
    }

    /// <summary>The bytes of a tensor, row-major and little endian.</summary>
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
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Closes the file.</summary>
    /// <param name="disposing">Always true: there is no finalizer.</param>
    protected virtual void Dispose(bool disposing) => handle.Dispose();

    /// <summary>Reads bytes of a tensor that are known to be within it.</summary>
    private protected virtual void ReadWithin(TensorInfo tensor, long byteOffset, Span<byte> destination) =>
        ReadAt($"tensor '{tensor.Name}'", tensor.Offset + byteOffset, destination);

    /// <summary>Reads bytes of the file, all of them or none.</summary>
    /// <param name="what">What they are, for the error.</param>
    /// <param name="offset">Where they begin in the file.</param>
    /// <param name="destination">Where they go.</param>
    private protected void ReadAt(string what, long offset, Span<byte> destination)
    {
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

    /// <summary>What people most often have in place of weights; null when it is none of those. Asked only when the file cannot be what it should, so no good file is mistaken.</summary>
    private protected string? OtherFormat()
    {
        Span<byte> start = stackalloc byte[(int)Math.Min(64, Bytes)];
        ReadAt("its beginning", 0, start);
        if (start.StartsWith("version https://git-lfs"u8)) return "a Git LFS pointer to one: fetch the file itself with 'git lfs pull'";
        if (start.StartsWith("PK\x03\x04"u8)) return "a ZIP archive, perhaps a PyTorch file: name it .pth, then it is read as one";
        if (start.StartsWith("GGUF"u8)) return "a GGUF file";
        if (start.TrimStart(" \t\r\n\uFEFF"u8).StartsWith("<"u8)) return "an HTML or XML page: the download went wrong";
        return null;
    }

    private protected int ArrayLength(TensorInfo tensor, long length) => length <= Array.MaxLength
        ? (int)length
        : throw new ModelException($"{Path}: tensor '{tensor.Name}' with {length} elements is too large for one array");

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

    // Converts through a small buffer, so that a widened tensor is never in memory twice. The converters take the bytes as they
    // are: the formats are little endian, and so is every machine this runs on.
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
