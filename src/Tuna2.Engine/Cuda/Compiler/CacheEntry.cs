using System.Security.Cryptography;
using System.Text;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Cuda.Compiler;

/// <summary>
/// A compiled kernel as a file: magic, schema, key, architecture, resources, log, image, and the SHA-256 of all that. The hash finds
/// damage, not malice: what keeps strangers out is the folder.
/// </summary>
internal static class CacheEntry
{
    /// <summary>Changes with the layout below, and with anything that makes older entries wrong.</summary>
    public const int Schema = 1;

    /// <summary>Nothing of ours is as long; a longer file is not read.</summary>
    private const long MaxFileBytes = 256L << 20;

    private static ReadOnlySpan<byte> Magic => "TUNA2KRN"u8;

    /// <summary>The file's bytes.</summary>
    public static byte[] Write(CompiledKernel kernel)
    {
        using var buffer = new MemoryStream();
        using (var writer = new BinaryWriter(buffer, Encoding.UTF8, leaveOpen: true))
        {
            writer.Write(Magic);
            writer.Write(Schema);
            writer.Write(kernel.Key.Bytes);
            writer.Write(kernel.Architecture);
            writer.Write(kernel.IsPtx);
            writer.Write(kernel.Resources is not null);
            if (kernel.Resources is { } r)
                foreach (var number in (ReadOnlySpan<int>)[r.Registers, r.SharedBytes, r.StackBytes, r.SpillStores, r.SpillLoads, r.ConstantBytes])
                    writer.Write(number);
            writer.Write(kernel.Log);
            writer.Write(kernel.Image.Length);
            writer.Write(kernel.Image.Span);
        }
        buffer.Write(SHA256.HashData(buffer.GetBuffer().AsSpan(0, (int)buffer.Length)));
        return buffer.ToArray();
    }

    /// <summary>Reads an entry.</summary>
    /// <param name="path">The file.</param>
    /// <param name="key">The key it must have been stored under.</param>
    /// <param name="instance">The kernel of that key.</param>
    /// <exception cref="InvalidDataException">The file is damaged, or an entry of another key or schema.</exception>
    public static CompiledKernel Read(string path, KernelKey key, KernelInstance instance)
    {
        if (new FileInfo(path).Length > MaxFileBytes)
            throw new InvalidDataException("too long");
        var bytes = File.ReadAllBytes(path);
        var content = bytes.AsSpan(0, Math.Max(0, bytes.Length - SHA256.HashSizeInBytes));
        if (!content.StartsWith(Magic) || !SHA256.HashData(content).AsSpan().SequenceEqual(bytes.AsSpan(content.Length)))
            throw new InvalidDataException("damaged");

        using var reader = new BinaryReader(new MemoryStream(bytes, Magic.Length, content.Length - Magic.Length));
        try
        {
            if (reader.ReadInt32() != Schema || !reader.ReadBytes(KernelKey.Size).AsSpan().SequenceEqual(key.Bytes))
                throw new InvalidDataException("another entry");
            return new()
            {
                Instance = instance,
                Key = key,
                Architecture = reader.ReadString(),
                IsPtx = reader.ReadBoolean(),
                Resources = reader.ReadBoolean()
                    ? new(reader.ReadInt32(), reader.ReadInt32(), reader.ReadInt32(), reader.ReadInt32(), reader.ReadInt32(), reader.ReadInt32())
                    : null,
                Log = reader.ReadString(),
                Image = reader.ReadBytes(reader.ReadInt32()),
                Cached = true,
            };
        }
        catch (Exception e) when (e is EndOfStreamException or FormatException or ArgumentException)
        {
            throw new InvalidDataException("damaged", e);
        }
    }
}
