using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Tuna2.Engine.Weights;

/// <summary>
/// Parses and checks the JSON header of a safetensors file. The order of the checks is the reference implementation's; on top of
/// it duplicate names and unknown fields, which the format forbids and the reference lets through, are refused.
/// </summary>
internal sealed class SafetensorsHeader
{
    /// <summary>The largest header the format allows, in bytes.</summary>
    public const long MaxBytes = 100_000_000;

    private readonly string path;
    private readonly List<Entry> entries = [];
    private readonly HashSet<string> names = [];
    private readonly Dictionary<string, string> metadata = [];

    private SafetensorsHeader(string path) => this.path = path;

    /// <summary>Tensors in the order of their bytes.</summary>
    public IReadOnlyList<TensorInfo> Tensors { get; private set; } = [];

    /// <summary>The free-form strings under <c>__metadata__</c>; empty when there are none.</summary>
    public IReadOnlyDictionary<string, string> Metadata => metadata;

    /// <summary>Reads the header <paramref name="json"/> of a file of <paramref name="fileLength"/> bytes.</summary>
    /// <exception cref="ModelException">The header breaks a rule of the format; the message names the file and the tensor.</exception>
    public static SafetensorsHeader Parse(string path, ReadOnlySpan<byte> json, long fileLength)
    {
        var header = new SafetensorsHeader(path);
        if (!Utf8.IsValid(json)) throw header.Error("the header is not valid UTF-8");
        try
        {
            header.ReadEntries(json);
        }
        catch (JsonException e)
        {
            throw header.Error($"the header is not valid JSON (byte {e.BytePositionInLine?.ToString(CultureInfo.InvariantCulture)})", e);
        }
        catch (InvalidOperationException e)
        {
            // What Utf8JsonReader throws for an escaped half of a surrogate pair.
            throw header.Error("the header has a string that is not valid Unicode", e);
        }
        header.Place(8 + (long)json.Length, fileLength);
        return header;
    }

    private void ReadEntries(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        var metadataSeen = false;
        Expect(ref reader, JsonTokenType.StartObject, "the header is not a JSON object");
        while (Next(ref reader) == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            if (name == "__metadata__")
            {
                if (metadataSeen) throw Error("the header has '__metadata__' twice");
                metadataSeen = true;
                ReadMetadata(ref reader);
            }
            else
            {
                // Compared after unescaping: 'a' and '\u0061' are the same name.
                if (!names.Add(name)) throw Error(name, "the name stands in the header twice");
                entries.Add(ReadEntry(ref reader, name));
            }
        }
        // Anything but white space behind the object is a JsonException here.
        reader.Read();
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        Expect(ref reader, JsonTokenType.StartObject, "'__metadata__' is not an object");
        while (Next(ref reader) == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            Expect(ref reader, JsonTokenType.String, $"'__metadata__': '{OneLine.Of(key)}' is not a string");
            if (!metadata.TryAdd(key, reader.GetString()!)) throw Error($"'__metadata__' has '{OneLine.Of(key)}' twice");
        }
    }

    private Entry ReadEntry(ref Utf8JsonReader reader, string name)
    {
        DType? dtype = null;
        long[]? shape = null;
        long[]? offsets = null;
        if (Next(ref reader) != JsonTokenType.StartObject) throw Error(name, "the entry is not an object");
        while (Next(ref reader) == JsonTokenType.PropertyName)
        {
            var field = reader.GetString()!;
            var repeated = field switch
            {
                "dtype" => dtype is not null,
                "shape" => shape is not null,
                "data_offsets" => offsets is not null,
                _ => throw Error(name, $"the entry has a field '{OneLine.Of(field)}' that the format does not know"),
            };
            if (repeated) throw Error(name, $"the entry has '{field}' twice");
            switch (field)
            {
                case "dtype":
                    if (Next(ref reader) != JsonTokenType.String) throw Error(name, "'dtype' is not a string");
                    var text = reader.GetString();
                    dtype = DTypes.TryParse(text, out var parsed) ? parsed : throw Error(name, $"unknown dtype '{OneLine.Of(text)}'");
                    break;
                case "shape":
                    shape = ReadNumbers(ref reader, name, field);
                    break;
                default:
                    offsets = ReadNumbers(ref reader, name, field);
                    break;
            }
        }
        if (offsets is not null && offsets.Length != 2) throw Error(name, "'data_offsets' is not a pair");
        return new Entry(
            name,
            dtype ?? throw Error(name, "'dtype' is missing"),
            shape ?? throw Error(name, "'shape' is missing"),
            (offsets ?? throw Error(name, "'data_offsets' is missing"))[0],
            offsets[1]);
    }

    private long[] ReadNumbers(ref Utf8JsonReader reader, string name, string field)
    {
        if (Next(ref reader) != JsonTokenType.StartArray) throw Error(name, $"'{field}' is not an array");
        List<long> numbers = [];
        while (Next(ref reader) != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number) throw Error(name, $"'{field}' holds something that is not a number");
            if (!reader.TryGetInt64(out var number) || number < 0)
            {
                var text = OneLine.Of(Encoding.UTF8.GetString(reader.ValueSpan));
                throw Error(name, reader.TryGetUInt64(out _) ? $"'{field}': {text} overflows" : $"'{field}' holds {text}, not an integer from 0 to 2^63-1");
            }
            numbers.Add(number);
        }
        return numbers.Count == 0 ? [] : [.. numbers];
    }

    // The data must be exactly the tensors, one behind the other: no hole to hide bytes in, no byte that two tensors share.
    private void Place(long dataStart, long fileLength)
    {
        entries.Sort((a, b) => a.Begin != b.Begin ? a.Begin.CompareTo(b.Begin) : a.End.CompareTo(b.End));
        var placed = new TensorInfo[entries.Count];
        long end = 0;
        for (var i = 0; i < placed.Length; i++)
        {
            var entry = entries[i];
            if (entry.End < entry.Begin) throw Error(entry.Name, $"the offsets {Range(entry)} run backwards");
            if (entry.Begin < end) throw Error(entry.Name, $"the offsets {Range(entry)} overlap the tensor before, which ends at {end}");
            if (entry.Begin > end) throw Error(entry.Name, $"the offsets {Range(entry)} leave a hole: the tensor before ends at {end}");
            end = entry.End;
        }
        for (var i = 0; i < placed.Length; i++)
        {
            var entry = entries[i];
            if (!TensorShape.TryByteLength(entry.Shape, entry.DType, out var bytes))
                throw Error(entry.Name, $"the shape {TensorShape.Text(entry.Shape)} overflows");
            if (bytes != entry.End - entry.Begin)
            {
                var what = $"{entry.DType.Name()} {TensorShape.Text(entry.Shape)} takes {OneLine.Bytes(bytes)}";
                throw Error(entry.Name, $"{what}, the offsets {Range(entry)} give it {entry.End - entry.Begin}");
            }
            placed[i] = new TensorInfo(entry.Name, entry.DType, entry.Shape, dataStart + entry.Begin, path);
        }
        var dataLength = fileLength - dataStart;
        if (end > dataLength) throw Error($"the file is truncated: {OneLine.Bytes(end - dataLength)} missing at the end");
        if (end < dataLength) throw Error($"{OneLine.Bytes(dataLength - end)} too many behind the last tensor");
        Tensors = placed;
    }

    private static JsonTokenType Next(ref Utf8JsonReader reader)
    {
        // A complete final block never returns false inside a value: the reader throws on a header that stops half-way.
        reader.Read();
        return reader.TokenType;
    }

    private void Expect(ref Utf8JsonReader reader, JsonTokenType token, string otherwise)
    {
        if (Next(ref reader) != token) throw Error(otherwise);
    }

    private static string Range(Entry entry) => $"{entry.Begin}..{entry.End}";

    private ModelException Error(string name, string what) => Error($"tensor '{OneLine.Of(name)}': {what}");

    private ModelException Error(string what, Exception? inner = null) => new($"{path}: {what}", inner);

    private readonly record struct Entry(string Name, DType DType, long[] Shape, long Begin, long End);
}
