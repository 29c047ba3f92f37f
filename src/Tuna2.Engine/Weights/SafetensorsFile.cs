using System.Buffers.Binary;

namespace Tuna2.Engine.Weights;

/// <summary>
/// A safetensors file, opened for reading. A file that opens holds exactly the tensors it lists, none overlapping, none outside the
/// file.
/// </summary>
public sealed class SafetensorsFile : WeightFile
{
    /// <summary>Opens and checks <paramref name="path"/>.</summary>
    /// <exception cref="ModelException">
    /// The file is missing, cannot be read, or is not a safetensors file that keeps the format's rules.
    /// </exception>
    public SafetensorsFile(string path) : base(path)
    {
        try
        {
            var header = ReadHeader();
            Tensors = header.Tensors;
            Metadata = header.Metadata;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The free-form strings of the file's <c>__metadata__</c>; empty when there are none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    private SafetensorsHeader ReadHeader()
    {
        if (Bytes < sizeof(ulong))
            throw new ModelException($"{Path}: not a safetensors file: {OneLine.Bytes(Bytes)} are too few for its header");
        Span<byte> start = stackalloc byte[sizeof(ulong)];
        ReadAt("the header", 0, start);
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
        ReadAt("the header", sizeof(ulong), json);
        return SafetensorsHeader.Parse(Path, json, Bytes);
    }

    private ModelException NotWeights(string otherwise) =>
        new($"{Path}: {(OtherFormat() is { } other ? $"not a safetensors file but {other}" : otherwise)}");
}
