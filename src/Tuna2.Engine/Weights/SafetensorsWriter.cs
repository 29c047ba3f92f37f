using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Tuna2.Engine.Weights;

/// <summary>
/// Writes safetensors files. The same tensors always give the same bytes: they are ordered as by the reference writer, by falling
/// alignment of their type and then by name, and the header is padded so that the data starts on a multiple of 8.
/// </summary>
public static class SafetensorsWriter
{
    /// <summary>The name of the index of a sharded checkpoint.</summary>
    public const string IndexName = "model.safetensors.index.json";

    // Names and metadata stand as they are; only what JSON itself needs is escaped.
    private static readonly JsonWriterOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Writes one file; it appears when it is complete, and on failure nothing is left behind.</summary>
    /// <param name="path">The file; one that is there is replaced.</param>
    /// <param name="tensors">The tensors, in any order.</param>
    /// <param name="metadata">Free-form strings for <c>__metadata__</c>, or null for none.</param>
    /// <exception cref="ModelException">
    /// Two tensors share a name, a name is not allowed, the header passes 100 MB, or a tensor wrote a wrong number of bytes.
    /// </exception>
    /// <exception cref="IOException">The folder is missing, not writable or full.</exception>
    public static void Write(string path, IEnumerable<TensorData> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        WriteFile(path, Order(path, tensors), metadata);
    }

    /// <summary>
    /// Writes a checkpoint into <paramref name="directory"/>: one <c>model.safetensors</c> when it fits
    /// <paramref name="maxShardBytes"/>, otherwise shards <c>model-00001-of-0000N.safetensors</c> and
    /// <c>model.safetensors.index.json</c>, which comes last.
    /// </summary>
    /// <param name="directory">The model directory; made when missing.</param>
    /// <param name="tensors">The tensors, in any order.</param>
    /// <param name="maxShardBytes">Tensor bytes per file; a tensor above it gets a file of its own.</param>
    /// <param name="metadata">Free-form strings for every file's <c>__metadata__</c>, or null for none.</param>
    /// <returns>The paths of the weight files.</returns>
    /// <exception cref="ModelException">As <see cref="Write"/>; shards already complete are removed.</exception>
    /// <exception cref="IOException">The folder is not writable or full.</exception>
    public static IReadOnlyList<string> WriteSharded(
        string directory, IEnumerable<TensorData> tensors, long maxShardBytes, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxShardBytes, 1);
        var shards = Split(Order(directory, tensors), maxShardBytes);
        Directory.CreateDirectory(directory);
        List<string> written = [];
        try
        {
            for (var i = 0; i < shards.Count; i++)
            {
                var path = Path.Combine(directory, ShardName(i, shards.Count));
                WriteFile(path, shards[i], metadata);
                written.Add(path);
            }
            if (shards.Count > 1)
                AtomicFile.Write(Path.Combine(directory, IndexName), stream => WriteIndex(stream, shards));
        }
        catch
        {
            written.ForEach(File.Delete);
            throw;
        }
        return written;
    }

    /// <summary>The file name of shard <paramref name="index"/>, counted from 0, of <paramref name="count"/>.</summary>
    internal static string ShardName(int index, int count) => count == 1
        ? "model.safetensors"
        : string.Create(CultureInfo.InvariantCulture, $"model-{index + 1:D5}-of-{count:D5}.safetensors");

    private static List<TensorData> Order(string path, IEnumerable<TensorData> tensors)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        List<TensorData> ordered = [.. tensors];
        HashSet<string> names = [];
        foreach (var tensor in ordered)
        {
            if (tensor.Name == "__metadata__") throw new ModelException($"{path}: '__metadata__' cannot be the name of a tensor");
            if (!names.Add(tensor.Name)) throw new ModelException($"{path}: two tensors are named '{tensor.Name}'");
        }
        ordered.Sort((a, b) => a.DType != b.DType ? b.DType.CompareTo(a.DType) : string.CompareOrdinal(a.Name, b.Name));
        return ordered;
    }

    private static List<List<TensorData>> Split(List<TensorData> tensors, long maxShardBytes)
    {
        List<List<TensorData>> shards = [[]];
        long used = 0;
        foreach (var tensor in tensors)
        {
            if (shards[^1].Count > 0 && tensor.ByteLength > maxShardBytes - used)
            {
                shards.Add([]);
                used = 0;
            }
            shards[^1].Add(tensor);
            // An oversized tensor leaves no room, which sends the next one to a new shard.
            used = Math.Min(maxShardBytes, used + Math.Min(tensor.ByteLength, maxShardBytes));
        }
        return shards;
    }

    private static void WriteFile(string path, List<TensorData> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var header = Header(path, tensors, metadata);
        AtomicFile.Write(path, stream =>
        {
            Span<byte> length = stackalloc byte[sizeof(ulong)];
            BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
            stream.Write(length);
            stream.Write(header);
            foreach (var tensor in tensors) tensor.WriteTo(stream);
        });
    }

    private static ReadOnlySpan<byte> Padding => "        "u8;

    private static byte[] Header(string path, List<TensorData> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, Json))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                json.WriteStartObject("__metadata__");
                foreach (var (key, value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
                    json.WriteString(Unicode(path, key), Unicode(path, value));
                json.WriteEndObject();
            }
            long offset = 0;
            foreach (var tensor in tensors)
            {
                if (tensor.ByteLength > long.MaxValue - offset) throw new ModelException($"{path}: the tensors together pass 2^63 bytes");
                json.WriteStartObject(Unicode(path, tensor.Name));
                json.WriteString("dtype", tensor.DType.Name());
                json.WriteStartArray("shape");
                foreach (var size in tensor.Shape) json.WriteNumberValue(size);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                offset += tensor.ByteLength;
                json.WriteNumberValue(offset);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        var written = buffer.WrittenCount;
        buffer.Write(Padding[..((8 - written % 8) % 8)]);
        if (buffer.WrittenCount > SafetensorsHeader.MaxBytes)
            throw new ModelException($"{path}: a header of {buffer.WrittenCount} bytes is over the format's limit of {SafetensorsHeader.MaxBytes}");
        return buffer.WrittenSpan.ToArray();
    }

    // Utf8JsonWriter would put a replacement character for half of a surrogate pair, and so write another name than was asked for.
    private static string Unicode(string path, string text)
    {
        try
        {
            StrictUtf8.GetByteCount(text);
            return text;
        }
        catch (EncoderFallbackException e)
        {
            throw new ModelException($"{path}: a tensor's name or a metadata string is not valid Unicode", e);
        }
    }

    private static void WriteIndex(Stream stream, List<List<TensorData>> shards)
    {
        using var json = new Utf8JsonWriter(stream, Json with { Indented = true });
        json.WriteStartObject();
        json.WriteStartObject("metadata");
        json.WriteNumber("total_size", shards.Sum(shard => shard.Sum(tensor => tensor.ByteLength)));
        json.WriteEndObject();
        json.WriteStartObject("weight_map");
        foreach (var (tensor, shard) in shards.SelectMany((shard, i) => shard.Select(tensor => (tensor, ShardName(i, shards.Count))))
            .OrderBy(pair => pair.tensor.Name, StringComparer.Ordinal))
            json.WriteString(tensor.Name, shard);
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
