using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Unicode;

namespace Tuna2.Engine.Weights;

/// <summary>A storage as a pickle names it: the elements are in a file of the archive.</summary>
/// <param name="DType">The element type.</param>
/// <param name="Key">The name of the file under <c>data/</c>.</param>
/// <param name="Count">How many elements it has.</param>
internal sealed record PickledStorage(DType DType, string Key, long Count);

/// <summary>A tensor as a pickle describes it: a view of a storage. Nothing but the number of dimensions is checked.</summary>
/// <param name="Storage">Where its elements are.</param>
/// <param name="Offset">The first of them, counted in elements.</param>
/// <param name="Shape">The dimensions, outermost first.</param>
/// <param name="Strides">Elements from one index to the next, by dimension.</param>
internal sealed record PickledTensor(PickledStorage Storage, long Offset, long[] Shape, long[] Strides);

/// <summary>A dictionary, as its entries in their order. Keys are not hashed, so no choice of keys makes it slow.</summary>
internal sealed class PickledDictionary
{
    private readonly List<KeyValuePair<object?, object?>> entries = [];

    /// <summary>Keys and values in the order they were set.</summary>
    public IReadOnlyList<KeyValuePair<object?, object?>> Entries => entries;

    /// <summary>Whether a tensor stands under a name.</summary>
    public bool HasTensors { get; private set; }

    /// <summary>Sets one more.</summary>
    public void Add(object? key, object? value)
    {
        entries.Add(new(key, value));
        HasTensors |= key is string && value is PickledTensor;
    }
}

/// <summary>
/// Reads the pickle of a PyTorch state dict (Python's pickle protocol 2 to 5, as pickletools describes it; torch/serialization.py).
/// A pickle is a program that may call whatever it names. This machine knows the few instructions and names that dictionaries of
/// tensors are made of, runs nothing, and refuses every other name by its name.
/// </summary>
/// <remarks>
/// Values are null, bool, long, double, string, object?[] (a tuple), List (a list), <see cref="PickledDictionary"/>,
/// <see cref="PickledStorage"/> and <see cref="PickledTensor"/>. They share what the pickle shares, so that reading takes time and
/// memory in proportion to the pickle, whatever is in it; who walks them must not follow what is nested.
/// </remarks>
internal sealed class PickleReader
{
    /// <summary>The largest pickle that is read: names and shapes of 50,000 tensors.</summary>
    public const int MaxBytes = 8 << 20;

    /// <summary>PyTorch's own limit.</summary>
    private const int MaxDimensions = 64;

    // Names a state dict is made of. What they stand for on the stack is one of these.
    private enum Global { OrderedDict, Size, RebuildTensor, RebuildParameter }

    private static readonly Dictionary<string, Global> Globals = new()
    {
        ["collections.OrderedDict"] = Global.OrderedDict,
        ["torch.Size"] = Global.Size,
        ["torch._utils._rebuild_tensor_v2"] = Global.RebuildTensor,
        ["torch._utils._rebuild_parameter"] = Global.RebuildParameter,
    };

    private static readonly Dictionary<string, DType> StorageTypes = new()
    {
        ["torch.FloatStorage"] = DType.F32,
        ["torch.HalfStorage"] = DType.F16,
        ["torch.BFloat16Storage"] = DType.BF16,
        ["torch.DoubleStorage"] = DType.F64,
        ["torch.LongStorage"] = DType.I64,
        ["torch.IntStorage"] = DType.I32,
        ["torch.ShortStorage"] = DType.I16,
        ["torch.CharStorage"] = DType.I8,
        ["torch.ByteStorage"] = DType.U8,
        ["torch.BoolStorage"] = DType.Bool,
    };

    private readonly string where;
    private readonly byte[] pickle;
    private readonly List<object?> stack = [];
    private readonly List<int> marks = [];
    private readonly Dictionary<uint, object?> memo = [];
    private int position;
    private int instruction;

    private PickleReader(string where, byte[] pickle) => (this.where, this.pickle) = (where, pickle);

    /// <summary>The value a pickle makes.</summary>
    /// <param name="where">The file it is in, for errors.</param>
    /// <param name="pickle">All of it.</param>
    /// <exception cref="ModelException">It is damaged, or asks for what no state dict needs; the message names it.</exception>
    public static object? Read(string where, byte[] pickle) => new PickleReader(where, pickle).Run();

    private object? Run()
    {
        if (pickle.Length < 2 || pickle[0] != 0x80) throw Error("this is not a pickle of protocol 2 or later");
        while (true)
        {
            instruction = position;
            var code = Byte();
            if (code == '.') break;
            Step(code);
        }
        if (stack.Count != 1 || marks.Count != 0) throw Error($"the pickle ends with {stack.Count} values instead of one");
        if (position != pickle.Length) throw Error($"{OneLine.Bytes(pickle.Length - position)} behind the end of the pickle");
        return stack[0];
    }

    // The instructions under the names and values Python's pickletools has for them.
    private void Step(byte code)
    {
        switch (code)
        {
            case 0x80: // PROTO
                if (Byte() is var protocol and (< 2 or > 5)) throw Error($"pickle protocol {protocol} is not one of 2 to 5");
                break;
            case 0x95: // FRAME: so many bytes follow, which is known
                Take(sizeof(long));
                break;
            case (byte)'(': // MARK
                marks.Add(stack.Count);
                break;
            case (byte)'N': // NONE
                stack.Add(null);
                break;
            case 0x88: // NEWTRUE
                stack.Add(true);
                break;
            case 0x89: // NEWFALSE
                stack.Add(false);
                break;
            case (byte)'K': // BININT1
                stack.Add((long)Byte());
                break;
            case (byte)'M': // BININT2
                stack.Add((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(sizeof(ushort))));
                break;
            case (byte)'J': // BININT
                stack.Add((long)BinaryPrimitives.ReadInt32LittleEndian(Take(sizeof(int))));
                break;
            case 0x8a: // LONG1
                stack.Add(Integer(Byte()));
                break;
            case (byte)'G': // BINFLOAT
                stack.Add(BinaryPrimitives.ReadDoubleBigEndian(Take(sizeof(double))));
                break;
            case (byte)'X': // BINUNICODE
                stack.Add(Text(BinaryPrimitives.ReadUInt32LittleEndian(Take(sizeof(uint)))));
                break;
            case 0x8c: // SHORT_BINUNICODE
                stack.Add(Text(Byte()));
                break;
            case (byte)')': // EMPTY_TUPLE
                stack.Add(Array.Empty<object?>());
                break;
            case 0x85 or 0x86 or 0x87: // TUPLE1, TUPLE2, TUPLE3
                stack.Add(PopMany(code - 0x84));
                break;
            case (byte)'t': // TUPLE
                stack.Add(PopToMark());
                break;
            case (byte)']': // EMPTY_LIST
                stack.Add(new List<object?>());
                break;
            case (byte)'a': // APPEND
                Append(PopMany(1));
                break;
            case (byte)'e': // APPENDS
                Append(PopToMark());
                break;
            case (byte)'}': // EMPTY_DICT
                stack.Add(new PickledDictionary());
                break;
            case (byte)'s': // SETITEM
                SetItems(PopMany(2));
                break;
            case (byte)'u': // SETITEMS
                SetItems(PopToMark());
                break;
            case (byte)'q': // BINPUT
                memo[Byte()] = Top();
                break;
            case (byte)'r': // LONG_BINPUT
                memo[BinaryPrimitives.ReadUInt32LittleEndian(Take(sizeof(uint)))] = Top();
                break;
            case 0x94: // MEMOIZE
                memo[(uint)memo.Count] = Top();
                break;
            case (byte)'h': // BINGET
                stack.Add(Remembered(Byte()));
                break;
            case (byte)'j': // LONG_BINGET
                stack.Add(Remembered(BinaryPrimitives.ReadUInt32LittleEndian(Take(sizeof(uint)))));
                break;
            case (byte)'c': // GLOBAL
                stack.Add(Find(Line(), Line()));
                break;
            case 0x93: // STACK_GLOBAL
                stack.Add(PopMany(2) is [string module, string name] ? Find(module, name) : throw Error("a name is not text"));
                break;
            case (byte)'Q': // BINPERSID
                stack.Add(Storage(Pop()));
                break;
            case (byte)'R': // REDUCE
                stack.Add(PopMany(2) is [Global function, object?[] arguments] ? Make(function, arguments) : throw Error("something that is no function is called"));
                break;
            case (byte)'b': // BUILD: the attributes of a state dict, such as its versions, which say nothing of the tensors
                if (Pop() is not PickledDictionary || Top() is not PickledDictionary) throw Error("something but a dictionary is given attributes");
                break;
            default:
                throw Error($"the instruction 0x{code:x2} is none a state dict needs, or the file is damaged");
        }
    }

    private object Find(string module, string name)
    {
        var full = $"{module}.{name}";
        return StorageTypes.TryGetValue(full, out var type) ? type
            : Globals.TryGetValue(full, out var global) ? global
            : throw Error($"it asks for '{OneLine.Of(full)}', which no dictionary of tensors needs, and which is not run: write the file with torch.save(model.state_dict(), ...)");
    }

    private object Make(Global function, object?[] arguments) => function switch
    {
        Global.OrderedDict when arguments is [] => new PickledDictionary(),
        Global.Size when arguments is [object?[] sizes] => sizes,
        Global.RebuildTensor when arguments is [PickledStorage storage, long offset, object?[] shape, object?[] strides, _, _, ..] && arguments.Length <= 7 =>
            new PickledTensor(storage, offset, Numbers(shape), Numbers(strides)),
        Global.RebuildParameter when arguments is [PickledTensor tensor, _, _] => tensor,
        _ => throw Error($"{function} is called with arguments it does not have"),
    };

    private long[] Numbers(object?[] tuple)
    {
        if (tuple.Length > MaxDimensions) throw Error($"a tensor of {tuple.Length} dimensions: there are at most {MaxDimensions}");
        return Array.ConvertAll(tuple, value => value is long number ? number : throw Error("a size of a tensor is not an integer"));
    }

    // ('storage', type, key, device, elements); the device it was on does not matter here.
    private PickledStorage Storage(object? id) => id is object?[] and ["storage", DType type, string key, string, long count]
        ? new PickledStorage(type, key, count)
        : throw Error("what the pickle says of a storage is not its type, name, device and length");

    private void Append(object?[] values)
    {
        if (Top() is not List<object?> list) throw Error("something is appended to what is not a list");
        list.AddRange(values);
    }

    private void SetItems(object?[] keysAndValues)
    {
        if (Top() is not PickledDictionary dictionary) throw Error("something is set in what is not a dictionary");
        if (keysAndValues.Length % 2 != 0) throw Error("a key has no value");
        for (var i = 0; i < keysAndValues.Length; i += 2) dictionary.Add(keysAndValues[i], keysAndValues[i + 1]);
    }

    private object? Remembered(uint index) => memo.TryGetValue(index, out var value) ? value : throw Error($"nothing was remembered as {index}");

    private object? Top() => stack.Count > Bottom ? stack[^1] : throw Empty();

    private object? Pop() => PopMany(1)[0];

    private object?[] PopMany(int count)
    {
        if (stack.Count - Bottom < count) throw Empty();
        var values = CollectionsMarshal.AsSpan(stack)[^count..].ToArray();
        stack.RemoveRange(stack.Count - count, count);
        return values;
    }

    private object?[] PopToMark()
    {
        if (marks.Count == 0) throw Error("a mark is missing");
        var values = PopMany(stack.Count - Bottom);
        marks.RemoveAt(marks.Count - 1);
        return values;
    }

    // What lies under the last mark is not to be touched before the mark is gone.
    private int Bottom => marks.Count == 0 ? 0 : marks[^1];

    private byte Byte() => Take(1)[0];

    private ReadOnlySpan<byte> Take(long count)
    {
        if (count > pickle.Length - position) throw Error("the pickle ends in the middle");
        var bytes = pickle.AsSpan(position, (int)count);
        position += (int)count;
        return bytes;
    }

    private long Integer(int bytes)
    {
        if (bytes > sizeof(long)) throw Error($"an integer of {bytes} bytes");
        var taken = Take(bytes);
        Span<byte> whole = stackalloc byte[sizeof(long)];
        whole.Fill(bytes > 0 && taken[^1] >= 0x80 ? byte.MaxValue : byte.MinValue);
        taken.CopyTo(whole);
        return BinaryPrimitives.ReadInt64LittleEndian(whole);
    }

    private string Text(long bytes)
    {
        var taken = Take(bytes);
        return Utf8.IsValid(taken) ? Encoding.UTF8.GetString(taken) : throw Error("text is not valid UTF-8");
    }

    private string Line()
    {
        var end = pickle.AsSpan(position).IndexOf((byte)'\n');
        if (end < 0) throw Error("the pickle ends in the middle");
        var line = Text(end);
        position++;
        return line;
    }

    private ModelException Empty() => Error("an instruction takes more values than there are");

    private ModelException Error(string what) => new($"{where}: byte {instruction}: {what}");
}
