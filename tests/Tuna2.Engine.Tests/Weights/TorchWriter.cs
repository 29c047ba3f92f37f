using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Tests.Weights;

/// <summary>A Python name in a pickle.</summary>
internal sealed record PythonName(string Module, string Name);

/// <summary>What is not in the pickle itself but told to the reader.</summary>
internal sealed record PythonPersistent(object?[] Id);

/// <summary>A call made by the reader, then what is set in the result, then its attributes.</summary>
internal sealed record PythonCall(PythonName Function, object?[] Arguments)
{
    public (object? Key, object? Value)[] Items { get; init; } = [];

    public (object? Key, object? Value)[]? Attributes { get; init; }
}

/// <summary>
/// Pickles as CPython's pickler writes them in protocol 2: objects are remembered as they are written and named again when they
/// come again, dictionaries go in thousands.
/// </summary>
internal sealed class PythonPickler
{
    private const int Batch = 1000;

    private readonly List<byte> bytes = [];
    private readonly Dictionary<object, int> memo = new(ReferenceEqualityComparer.Instance);

    public static byte[] Dump(object? value)
    {
        var pickler = new PythonPickler();
        pickler.bytes.AddRange([0x80, 2]);
        pickler.Save(value);
        pickler.Code('.');
        return [.. pickler.bytes];
    }

    private void Save(object? value)
    {
        if (value is not null && memo.TryGetValue(value, out var index))
        {
            Indexed('h', 'j', index);
            return;
        }
        switch (value)
        {
            case null:
                Code('N');
                break;
            case bool flag:
                Code(flag ? '\x88' : '\x89');
                break;
            case long number:
                SaveInteger(number);
                break;
            case double number:
                Code('G');
                bytes.AddRange(Bytes(8, to => BinaryPrimitives.WriteDoubleBigEndian(to, number)));
                break;
            case string text:
                Code('X');
                bytes.AddRange(Bytes(4, to => BinaryPrimitives.WriteInt32LittleEndian(to, Encoding.UTF8.GetByteCount(text))));
                bytes.AddRange(Encoding.UTF8.GetBytes(text));
                Remember(text);
                break;
            case PythonName name:
                Code('c');
                bytes.AddRange(Encoding.UTF8.GetBytes($"{name.Module}\n{name.Name}\n"));
                Remember(name);
                break;
            case PythonPersistent persistent:
                Save(persistent.Id);
                Code('Q');
                break;
            case object?[] tuple:
                SaveTuple(tuple);
                break;
            case List<object?> list:
                Code(']');
                Remember(list);
                Code('(');
                list.ForEach(Save);
                Code('e');
                break;
            case (object? Key, object? Value)[] dictionary:
                Code('}');
                Remember(dictionary);
                SaveItems(dictionary);
                break;
            case PythonCall call:
                Save(call.Function);
                Save(call.Arguments);
                Code('R');
                Remember(call);
                SaveItems(call.Items);
                if (call.Attributes is { } attributes)
                {
                    Save(attributes);
                    Code('b');
                }
                break;
            default:
                throw new ArgumentException($"{value.GetType()}", nameof(value));
        }
    }

    private void SaveInteger(long number)
    {
        switch (number)
        {
            case >= 0 and <= byte.MaxValue:
                bytes.AddRange([(byte)'K', (byte)number]);
                break;
            case >= 0 and <= ushort.MaxValue:
                Code('M');
                bytes.AddRange(Bytes(2, to => BinaryPrimitives.WriteUInt16LittleEndian(to, (ushort)number)));
                break;
            case >= int.MinValue and <= int.MaxValue:
                Code('J');
                bytes.AddRange(Bytes(4, to => BinaryPrimitives.WriteInt32LittleEndian(to, (int)number)));
                break;
            default:
                bytes.AddRange([0x8a, 8]);
                bytes.AddRange(Bytes(8, to => BinaryPrimitives.WriteInt64LittleEndian(to, number)));
                break;
        }
    }

    private void SaveTuple(object?[] tuple)
    {
        if (tuple.Length == 0)
        {
            Code(')');
            return;
        }
        if (tuple.Length > 3) Code('(');
        foreach (var value in tuple) Save(value);
        Code(tuple.Length > 3 ? 't' : (char)(0x84 + tuple.Length));
        Remember(tuple);
    }

    private void SaveItems((object? Key, object? Value)[] items)
    {
        foreach (var batch in items.Length == 1 ? [] : items.Chunk(Batch))
        {
            Code('(');
            foreach (var (key, value) in batch)
            {
                Save(key);
                Save(value);
            }
            Code('u');
        }
        if (items is not [var (onlyKey, onlyValue)]) return;
        Save(onlyKey);
        Save(onlyValue);
        Code('s');
    }

    private void Remember(object value)
    {
        Indexed('q', 'r', memo.Count);
        memo.Add(value, memo.Count);
    }

    private void Indexed(char small, char large, int index)
    {
        if (index <= byte.MaxValue)
        {
            bytes.AddRange([(byte)small, (byte)index]);
            return;
        }
        Code(large);
        bytes.AddRange(Bytes(4, to => BinaryPrimitives.WriteInt32LittleEndian(to, index)));
    }

    private void Code(char code) => bytes.Add((byte)code);

    private static byte[] Bytes(int count, Action<byte[]> write)
    {
        var written = new byte[count];
        write(written);
        return written;
    }
}

/// <summary>A tensor of a PyTorch file: a view of a storage, all of it row by row unless said otherwise.</summary>
public sealed record TorchTensor(string Name, DType DType, long[] Shape, string Storage)
{
    public long Offset { get; init; }

    public long[]? Strides { get; init; }

    public bool Parameter { get; init; }
}

/// <summary>Files as torch.save writes them: what is in the pickle, and the archive as miniz packs it for PyTorch.</summary>
internal static class TorchWriter
{
    private const string Kind = "storage", Device = "cpu";

    private static readonly PythonName OrderedDict = new("collections", "OrderedDict"), Rebuild = new("torch._utils", "_rebuild_tensor_v2"), Parameter = new("torch._utils", "_rebuild_parameter");

    private static readonly Dictionary<DType, PythonName> Types = new()
    {
        [DType.F32] = Type("Float"), [DType.F16] = Type("Half"), [DType.BF16] = Type("BFloat16"), [DType.F64] = Type("Double"), [DType.I64] = Type("Long"),
        [DType.I32] = Type("Int"), [DType.I16] = Type("Short"), [DType.I8] = Type("Char"), [DType.U8] = Type("Byte"), [DType.Bool] = Type("Bool"),
    };

    /// <summary>What model.state_dict() is: an ordered dictionary with the versions of its modules as an attribute.</summary>
    public static PythonCall StateDict(IEnumerable<TorchTensor> tensors, IReadOnlyDictionary<string, byte[]> storages, params string[] modules)
    {
        Dictionary<string, string> keys = [];
        const string version = "version";
        return Ordered([.. tensors.Select(tensor => ((object?)tensor.Name, (object?)Value(tensor, storages[tensor.Storage], keys)))]) with
        {
            Attributes = modules is [] ? null : [("_metadata", Ordered([.. modules.Select(module => ((object?)module, (object?)new (object?, object?)[] { (version, 1L) }))]))],
        };
    }

    /// <summary>The files of an archive, in torch's order.</summary>
    public static List<(string Name, byte[] Bytes)> Files(byte[] pickle, IReadOnlyDictionary<string, byte[]> storages, string folder = "archive") =>
    [
        ($"{folder}/data.pkl", pickle), ($"{folder}/byteorder", "little"u8.ToArray()), .. storages.Select(storage => ($"{folder}/data/{storage.Key}", storage.Value)),
        ($"{folder}/version", "3\n"u8.ToArray()), ($"{folder}/.data/serialization_id", "0636067887298254767400123456789012345678"u8.ToArray()),
    ];

    /// <summary>A whole file of tensors, each with a storage of its own.</summary>
    public static byte[] File(IEnumerable<(string Name, DType DType, long[] Shape, byte[] Bytes)> tensors, string folder = "archive")
    {
        var all = tensors.ToList();
        var storages = all.Index().ToDictionary(item => item.Index.ToString(CultureInfo.InvariantCulture), item => item.Item.Bytes);
        var state = StateDict(all.Index().Select(item => new TorchTensor(item.Item.Name, item.Item.DType, item.Item.Shape, item.Index.ToString(CultureInfo.InvariantCulture))), storages, "");
        return Archive(Files(PythonPickler.Dump(state), storages, folder));
    }

    /// <summary>
    /// The archive: files are stored, not compressed, each from a multiple of 64 bytes on; lengths follow a file and are 0 before it;
    /// the directory has an end of 64 bits, and with <paramref name="large"/> lengths and places of 64 bits as well.
    /// </summary>
    public static byte[] Archive(IEnumerable<(string Name, byte[] Bytes)> files, bool large = false)
    {
        const int Alignment = 64;
        using MemoryStream archive = new(), directory = new();
        using BinaryWriter to = new(archive), central = new(directory);
        long count = 0;
        foreach (var (name, bytes) in files)
        {
            var (nameBytes, crc, local) = (Encoding.UTF8.GetBytes(name), Crc(bytes), archive.Position);
            var padding = (int)((Alignment - (local + 30 + nameBytes.Length + 4) % Alignment) % Alignment);
            to.Write(0x04034b50u);
            Header(to, 0, 0, nameBytes.Length, 4 + padding);
            to.Write(nameBytes);
            to.Write("FB"u8);
            to.Write((ushort)padding);
            to.Write(Enumerable.Repeat((byte)'Z', padding).ToArray());
            to.Write(bytes);
            if (bytes.Length > 0)
            {
                to.Write(0x08074b50u);
                to.Write(crc);
                to.Write(bytes.Length);
                to.Write(bytes.Length);
            }
            central.Write(0x02014b50u);
            central.Write((ushort)0);
            Header(central, crc, large ? uint.MaxValue : (uint)bytes.Length, nameBytes.Length, large ? 28 : 0);
            central.Write(new byte[10]);
            central.Write(large ? uint.MaxValue : (uint)local);
            central.Write(nameBytes);
            if (large)
            {
                central.Write((ushort)1);
                central.Write((ushort)24);
                central.Write((long)bytes.Length);
                central.Write((long)bytes.Length);
                central.Write(local);
            }
            count++;
        }
        var (start, length) = (archive.Position, directory.Length);
        to.Write(directory.ToArray());
        var end = archive.Position;
        to.Write(0x06064b50u);
        to.Write(44L);
        to.Write(0x031e002d);
        to.Write(new byte[8]);
        foreach (var number in new[] { count, count, length, start }) to.Write(number);
        to.Write(0x07064b50u);
        to.Write(0);
        to.Write(end);
        to.Write(1);
        to.Write(0x06054b50u);
        to.Write(0);
        to.Write((ushort)count);
        to.Write((ushort)count);
        to.Write(large ? uint.MaxValue : (uint)length);
        to.Write(large ? uint.MaxValue : (uint)start);
        to.Write((ushort)0);
        return archive.ToArray();
    }

    // What both headers of a file have: version, flags (UTF-8, lengths behind the data), stored, no time, checksum, lengths twice.
    private static void Header(BinaryWriter to, uint crc, uint length, int name, int extra)
    {
        to.Write((ushort)0);
        to.Write((ushort)0x0808);
        to.Write((ushort)0);
        to.Write(0);
        to.Write(crc);
        to.Write(length);
        to.Write(length);
        to.Write((ushort)name);
        to.Write((ushort)extra);
    }

    private static PythonName Type(string name) => new("torch", $"{name}Storage");

    private static PythonCall Ordered((object?, object?)[] items) => new(OrderedDict, []) { Items = items };

    private static PythonCall Value(TorchTensor tensor, byte[] storage, Dictionary<string, string> keys)
    {
        // A key is one string, however often it is named.
        if (!keys.TryGetValue(tensor.Storage, out var key)) keys.Add(tensor.Storage, key = tensor.Storage);
        var place = new PythonPersistent([Kind, Types[tensor.DType], key, Device, (long)(storage.Length / tensor.DType.Size())]);
        var call = new PythonCall(Rebuild, [place, tensor.Offset, Tuple(tensor.Shape), Tuple(tensor.Strides ?? RowByRow(tensor.Shape)), false, Ordered([])]);
        return tensor.Parameter ? new PythonCall(Parameter, [call, true, Ordered([])]) : call;
    }

    private static object?[] Tuple(long[] numbers) => [.. numbers];

    private static long[] RowByRow(long[] shape)
    {
        var strides = new long[shape.Length];
        long step = 1;
        for (var d = shape.Length - 1; d >= 0; step *= shape[d--]) strides[d] = step;
        return strides;
    }

    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var value in bytes)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) * 0xedb88320u);
        }
        return ~crc;
    }
}
