using System.Buffers.Binary;
using System.Text;

namespace Tuna2.Engine.Imaging;

/// <summary>The container of a PNG file (W3C PNG, section 5): a signature, then chunks of length, type, data and CRC.</summary>
internal static class PngChunk
{
    /// <summary>The largest text chunk written or read, as in Pillow.</summary>
    public const int MaxTextBytes = 1 << 20;

    private static readonly uint[] CrcTable = [.. Enumerable.Range(0, 256).Select(CrcOfByte)];

    public static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0d, 0x0a, 0x1a, 0x0a];

    public static void Write(Stream stream, string type, ReadOnlySpan<byte> data)
    {
        Span<byte> word = stackalloc byte[4];
        Span<byte> name = stackalloc byte[4];
        Encoding.ASCII.GetBytes(type, name);
        BinaryPrimitives.WriteInt32BigEndian(word, data.Length);
        stream.Write(word);
        stream.Write(name);
        stream.Write(data);
        BinaryPrimitives.WriteUInt32BigEndian(word, Crc(name, data));
        stream.Write(word);
    }

    /// <summary>The data of the first chunk of a type in a whole file; none where there is no such chunk, or the file is cut off before it.</summary>
    /// <param name="file">The file.</param>
    /// <param name="type">The type.</param>
    /// <param name="before">A type behind which nobody looks; none to look everywhere.</param>
    public static ReadOnlySpan<byte> Find(ReadOnlySpan<byte> file, ReadOnlySpan<byte> type, ReadOnlySpan<byte> before = default)
    {
        for (var rest = file[Signature.Length..]; rest.Length >= 12;)
        {
            var length = BinaryPrimitives.ReadUInt32BigEndian(rest);
            if (length > rest.Length - 12 || rest.Slice(4, 4).SequenceEqual(before))
                return [];
            if (rest.Slice(4, 4).SequenceEqual(type))
                return rest.Slice(8, (int)length);
            rest = rest[((int)length + 12)..];
        }
        return [];
    }

    /// <summary>Takes the next chunk off a file's bytes behind the signature.</summary>
    /// <param name="rest">The bytes; those behind the chunk remain.</param>
    /// <param name="name">What errors call the file.</param>
    /// <param name="type">Its type, four letters.</param>
    /// <param name="data">Its data.</param>
    /// <exception cref="ImageException">The file ends early, or the chunk's CRC is wrong.</exception>
    public static void Take(ref ReadOnlySpan<byte> rest, string name, out ReadOnlySpan<byte> type, out ReadOnlySpan<byte> data)
    {
        if (rest.Length < 12 || BinaryPrimitives.ReadUInt32BigEndian(rest) > rest.Length - 12)
            throw new ImageException($"{name}: the picture ends early");
        var length = BinaryPrimitives.ReadInt32BigEndian(rest);
        type = rest.Slice(4, 4);
        data = rest.Slice(8, length);
        if (BinaryPrimitives.ReadUInt32BigEndian(rest[(8 + length)..]) != Crc(type, data))
            throw new ImageException($"{name}: the picture is damaged (the CRC of a chunk does not match)");
        rest = rest[(12 + length)..];
    }

    /// <summary>CRC-32 of ISO 3309 over a chunk's type and data.</summary>
    public static uint Crc(ReadOnlySpan<byte> type, ReadOnlySpan<byte> data) => ~Continue(Continue(uint.MaxValue, type), data);

    private static uint Continue(uint crc, ReadOnlySpan<byte> bytes)
    {
        foreach (var b in bytes)
            crc = CrcTable[(byte)(crc ^ b)] ^ (crc >> 8);
        return crc;
    }

    private static uint CrcOfByte(int value)
    {
        var crc = (uint)value;
        for (var bit = 0; bit < 8; bit++)
            crc = (crc & 1) == 0 ? crc >> 1 : (crc >> 1) ^ 0xedb88320;
        return crc;
    }
}
