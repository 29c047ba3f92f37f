using System.Buffers.Binary;
using System.Text;

namespace Tuna2.Engine.Imaging;

/// <summary>EXIF in a WebP file: a RIFF chunk of that name, announced by a flag of the VP8X chunk (RFC 9649, section 2.7).</summary>
internal static class WebpExif
{
    private const byte HasExif = 0x08;
    private const int HeaderLength = 12;

    /// <summary>The chunk's data; none where there is no such chunk.</summary>
    public static ReadOnlySpan<byte> Find(ReadOnlySpan<byte> file)
    {
        for (var rest = file[HeaderLength..]; rest.Length >= 8;)
        {
            var length = BinaryPrimitives.ReadUInt32LittleEndian(rest[4..]);
            if (length > rest.Length - 8)
                return [];
            if (rest.StartsWith("EXIF"u8))
                return rest.Slice(8, (int)length);
            rest = rest[Math.Min(rest.Length, 8 + (int)length + (int)(length & 1))..];
        }
        return [];
    }

    /// <summary>An opaque picture's file with EXIF put in: of the simple kind (a VP8 or VP8L chunk alone) or an animation, which has a VP8X chunk.</summary>
    public static byte[] Insert(ReadOnlySpan<byte> file, ReadOnlySpan<byte> tiff, int width, int height)
    {
        var riff = new MemoryStream();
        riff.Write("RIFF\0\0\0\0WEBP"u8);
        if (file[HeaderLength..].StartsWith("VP8X"u8))
        {
            riff.Write(file[HeaderLength..]);
            riff.GetBuffer()[HeaderLength + 8] |= HasExif;
        }
        else
        {
            Span<byte> extended = stackalloc byte[10];
            extended[0] = HasExif;
            Write24(extended[4..], width - 1);
            Write24(extended[7..], height - 1);
            WriteChunk(riff, "VP8X", extended);
            riff.Write(file[HeaderLength..]);
        }
        WriteChunk(riff, "EXIF", tiff);
        var bytes = riff.ToArray();
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), bytes.Length - 8);
        return bytes;
    }

    private static void WriteChunk(Stream riff, string name, ReadOnlySpan<byte> data)
    {
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, data.Length);
        riff.Write(Encoding.ASCII.GetBytes(name));
        riff.Write(length);
        riff.Write(data);
        if (data.Length % 2 != 0)
            riff.WriteByte(0);
    }

    private static void Write24(Span<byte> to, int value) => (to[0], to[1], to[2]) = ((byte)value, (byte)(value >> 8), (byte)(value >> 16));
}
