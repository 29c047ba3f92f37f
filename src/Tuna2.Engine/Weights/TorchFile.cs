using System.Text;

namespace Tuna2.Engine.Weights;

/// <summary>
/// A file of weights as <c>torch.save(model.state_dict(), ...)</c> writes it since PyTorch 1.6: a ZIP archive with a pickle, data.pkl,
/// that names and shapes the tensors, and their storages as files data/0, data/1, ... (torch/serialization.py). Nothing in it is
/// run: <see cref="PickleReader"/> knows dictionaries of tensors and nothing else.
/// </summary>
public sealed class TorchFile : WeightFile
{
    private const string PickleName = "data.pkl";

    // 0x1950a86a20f9469cfc6c as a pickle of its own: how files of PyTorch before 1.6 begin.
    private static ReadOnlySpan<byte> LegacyMagic => [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

    // Under which of its keys a training checkpoint keeps the weights, the usual names first.
    private static readonly string[] UsualKeys = ["state_dict", "model_state_dict", "model"];

    private readonly Dictionary<string, long[]> strides = [];
    private readonly Lock lastLock = new();
    private (TensorInfo? Tensor, byte[] Bytes) last = (null, []);

    /// <summary>Opens and checks <paramref name="path"/>.</summary>
    /// <exception cref="ModelException">
    /// The file is missing, cannot be read, is not of this format, or holds something besides tensors and plain values.
    /// </exception>
    public TorchFile(string path) : base(path)
    {
        try
        {
            CheckFormat();
            var archive = ZipDirectory.Read(Path, Bytes, ReadAt);
            var folder = FindFolder(archive);
            CheckByteOrder(archive, folder);
            var (offset, length) = archive.Find(folder + PickleName)!.Value;
            if (length > PickleReader.MaxBytes)
                throw new ModelException($"{Path}: {PickleName} of {length} bytes is over the limit of {PickleReader.MaxBytes}: the names and shapes of tensors take far less");
            var pickle = new byte[length];
            ReadAt(PickleName, offset, pickle);
            Tensors = Place(StateDict(PickleReader.Read($"{Path}: {PickleName}", pickle)), archive, folder);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Whether a file's name ends as PyTorch's do: .pth, .pt, .bin or .ckpt.</summary>
    internal static bool HasItsName(string path) => System.IO.Path.GetExtension(path).ToLowerInvariant() is ".pth" or ".pt" or ".bin" or ".ckpt";

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        lock (lastLock) last = (null, []);
        base.Dispose(disposing);
    }

    /// <summary>
    /// A tensor whose elements do not lie row by row (PyTorch keeps a transposed one as it was) is put in order whole and kept until
    /// another of its kind is read: loading reads a tensor in pieces.
    /// </summary>
    private protected override void ReadWithin(TensorInfo tensor, long byteOffset, Span<byte> destination)
    {
        if (!strides.TryGetValue(tensor.Name, out var steps))
        {
            base.ReadWithin(tensor, byteOffset, destination);
            return;
        }
        lock (lastLock)
        {
            if (!ReferenceEquals(last.Tensor, tensor))
            {
                last = (null, []);
                last = (tensor, InOrder(tensor, steps));
            }
            last.Bytes.AsSpan((int)byteOffset, destination.Length).CopyTo(destination);
        }
    }

    private byte[] InOrder(TensorInfo tensor, long[] steps)
    {
        var size = tensor.DType.Size();
        var source = new byte[ArrayLength(tensor, (Last(tensor.Shape, steps) + 1) * size)];
        ReadAt($"tensor '{tensor.Name}'", tensor.Offset, source);
        var ordered = new byte[ArrayLength(tensor, tensor.ByteLength)];
        var index = new long[steps.Length];
        long from = 0;
        for (var to = 0; to < ordered.Length; to += size)
        {
            source.AsSpan((int)from * size, size).CopyTo(ordered.AsSpan(to));
            for (var d = steps.Length - 1; d >= 0; d--)
            {
                from += steps[d];
                if (++index[d] < tensor.Shape[d]) break;
                from -= index[d] * steps[d];
                index[d] = 0;
            }
        }
        return ordered;
    }

    private void CheckFormat()
    {
        Span<byte> start = stackalloc byte[(int)Math.Min(LegacyMagic.Length, Bytes)];
        ReadAt("its beginning", 0, start);
        if (start.StartsWith("PK\x03\x04"u8)) return;
        if (start.StartsWith(LegacyMagic))
            throw new ModelException($"{Path}: written in PyTorch's format from before 1.6: write it again with a later one: torch.save(torch.load(OLD, map_location='cpu'), NEW)");
        throw new ModelException($"{Path}: {(OtherFormat() is { } other ? $"not a PyTorch file but {other}" : "not a PyTorch file: it does not begin as a ZIP archive")}");
    }

    /// <summary>What stands before every name in the archive: <c>archive/</c>, or the name the file had when it was written.</summary>
    private string FindFolder(ZipDirectory archive)
    {
        var pickles = archive.Names.Where(name => name.EndsWith($"/{PickleName}", StringComparison.Ordinal) && name.IndexOf('/', StringComparison.Ordinal) == name.Length - PickleName.Length - 1).ToList();
        if (pickles.Count != 1)
            throw new ModelException($"{Path}: not a PyTorch file: the archive has {(pickles.Count == 0 ? "no" : "more than one")} FOLDER/{PickleName}");
        var folder = pickles[0][..^PickleName.Length];
        if (archive.Contains($"{folder}constants.pkl"))
            throw new ModelException($"{Path}: a TorchScript program, not weights: write them with torch.save(torch.jit.load(FILE).state_dict(), ...)");
        return folder;
    }

    private void CheckByteOrder(ZipDirectory archive, string folder)
    {
        // PyTorch before 2.0 says nothing; it ran on little endian machines.
        if (archive.Find($"{folder}byteorder") is not { } place) return;
        var order = new byte[Math.Min(place.Length, 8)];
        ReadAt("byteorder", place.Offset, order);
        if (!order.AsSpan().SequenceEqual("little"u8))
            throw new ModelException($"{Path}: the byte order is '{OneLine.Of(Encoding.UTF8.GetString(order))}', not 'little'");
    }

    /// <summary>The dictionary of tensors: the whole, or under one key of it, as training programs keep it beside other things.</summary>
    private PickledDictionary StateDict(object? root)
    {
        if (root is not PickledDictionary whole)
            throw new ModelException($"{Path}: holds {(root is PickledTensor ? "a single tensor" : "something else")}, not a dictionary of tensors: write it with torch.save(model.state_dict(), ...)");
        if (whole.HasTensors) return whole;
        var nested = whole.Entries.Where(entry => entry is { Key: string, Value: PickledDictionary { HasTensors: true } })
            .Select(entry => (Key: (string)entry.Key!, Value: (PickledDictionary)entry.Value!)).ToList();
        if (nested.Count == 1) return nested[0].Value;
        var keys = (nested.Count == 0 ? whole.Entries.Select(entry => entry.Key as string ?? "?") : nested.Select(entry => entry.Key)).ToList();
        if (nested.Count > 1 && UsualKeys.FirstOrDefault(keys.Contains) is { } usual) return nested.First(entry => entry.Key == usual).Value;
        var problem = new Listing();
        problem.Add(("key", "keys"), keys);
        throw new ModelException(nested.Count == 0
            ? $"{Path}: there are no tensors in it{(problem.IsEmpty ? "" : $", nor under one of its keys ({problem})")}"
            : $"{Path}: there are tensors under {problem}: write the one that is meant to a file of its own");
    }

    private TensorInfo[] Place(PickledDictionary state, ZipDirectory archive, string folder)
    {
        Dictionary<string, (long Offset, long Length)> storages = [];
        HashSet<string> names = [];
        List<TensorInfo> placed = [];
        long total = 0;
        foreach (var entry in state.Entries)
        {
            // A state dict may hold other values (torch's get_extra_state), which are no weights.
            if (entry is not { Key: string name, Value: PickledTensor tensor }) continue;
            if (!names.Add(name)) throw Error(name, "the name stands in the file twice");
            var file = $"data/{tensor.Storage.Key}";
            if (!storages.TryGetValue(file, out var place))
            {
                place = archive.Find(folder + file) ?? throw Error(name, $"its storage '{OneLine.Of(file)}' is not in the file");
                storages.Add(file, place);
            }
            var info = Place(name, tensor, place.Offset, place.Length);
            placed.Add(info);
            total = total <= long.MaxValue - info.ByteLength ? total + info.ByteLength : throw Error(name, "all tensors together overflow");
        }
        return [.. placed.OrderBy(tensor => tensor.Offset)];
    }

    private TensorInfo Place(string name, PickledTensor tensor, long storageOffset, long storageBytes)
    {
        var (storage, shape) = (tensor.Storage, tensor.Shape);
        var size = storage.DType.Size();
        if (storageBytes / size != storage.Count)
            throw Error(name, $"its storage 'data/{OneLine.Of(storage.Key)}' has {OneLine.Bytes(storageBytes)}, not the {storage.Count} elements of {storage.DType.Name()} it should have");
        if (tensor.Strides.Length != shape.Length) throw Error(name, $"{shape.Length} dimensions have {tensor.Strides.Length} strides");
        if (!TensorShape.TryByteLength(shape, storage.DType, out _)) throw Error(name, $"the shape {TensorShape.Text(shape)} is negative or overflows");
        _ = TensorShape.TryCount(shape, out var count);
        if (tensor.Offset < 0 || tensor.Strides.Any(step => step < 0) || tensor.Offset > storage.Count || count > 0 && Last(shape, tensor.Strides) >= storage.Count - tensor.Offset)
            throw Error(name, $"shape {TensorShape.Text(shape)} with strides {TensorShape.Text(tensor.Strides)} from element {tensor.Offset} on goes outside its storage of {storage.Count} elements");
        // An expanded tensor repeats what it has: a file of a few bytes could ask for any amount of memory.
        if (count > storage.Count) throw Error(name, $"shape {TensorShape.Text(shape)} has more elements than the {storage.Count} of its storage: write it with .contiguous()");
        if (!IsInOrder(shape, tensor.Strides)) strides.Add(name, tensor.Strides);
        return new TensorInfo(name, storage.DType, shape, storageOffset + tensor.Offset * size, Path);
    }

    /// <summary>The last element of a tensor that has any, counted from its first; the largest number where that overflows.</summary>
    private static long Last(IReadOnlyList<long> shape, long[] steps)
    {
        Int128 last = 0;
        for (var d = 0; d < steps.Length; d++) last += (Int128)(shape[d] - 1) * steps[d];
        return (long)Int128.Min(last, long.MaxValue);
    }

    /// <summary>Whether elements lie row by row; the stride of a single row does not matter.</summary>
    private static bool IsInOrder(long[] shape, long[] steps)
    {
        if (shape.Contains(0)) return true;
        long step = 1;
        for (var d = shape.Length - 1; d >= 0; d--)
        {
            if (shape[d] != 1 && steps[d] != step) return false;
            step *= shape[d];
        }
        return true;
    }

    private ModelException Error(string name, string what) => new($"{Path}: tensor '{OneLine.Of(name)}': {what}");
}
