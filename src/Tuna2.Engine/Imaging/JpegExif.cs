using System.Buffers.Binary;

namespace Tuna2.Engine.Imaging;

/// <summary>EXIF in a JPEG file: the APP1 segment that begins with "Exif" (EXIF 2.32, section 4.7).</summary>
internal static class JpegExif
{
    /// <summary>A segment's length, which counts itself, has 16 bits.</summary>
    private const int MaxPayload = 65533;

    private const byte App0 = 0xe0, App1 = 0xe1, StartOfScan = 0xda;

    /// <summary>The segment's data; none where there is no such segment before the picture's own data.</summary>
    public static ReadOnlySpan<byte> Find(ReadOnlySpan<byte> file)
    {
        for (var rest = file[2..]; rest.Length >= 4 && rest[0] == 0xff;)
        {
            // Any number of 0xff may fill the room before a marker; markers without a length stand only behind the scan.
            if (rest[1] == 0xff)
            {
                rest = rest[1..];
                continue;
            }
            var length = BinaryPrimitives.ReadUInt16BigEndian(rest[2..]);
            if (rest[1] == StartOfScan || length < 2 || length + 2 > rest.Length)
                return [];
            var data = rest.Slice(4, length - 2);
            if (rest[1] == App1 && data.StartsWith(Exif.Prefix))
                return data;
            rest = rest[(length + 2)..];
        }
        return [];
    }

    /// <summary>The file with EXIF put in, behind its JFIF header.</summary>
    /// <exception cref="ImageException">The fields are longer than a JPEG holds.</exception>
    public static byte[] Insert(ReadOnlySpan<byte> file, ReadOnlySpan<byte> tiff)
    {
        var length = Exif.Prefix.Length + tiff.Length;
        if (length > MaxPayload)
            throw new ImageException($"the texts take {length} bytes, more than the {MaxPayload} a JPEG holds; PNG and WebP hold them");
        var at = file[3] == App0 ? 4 + BinaryPrimitives.ReadUInt16BigEndian(file[4..]) : 2;
        return [.. file[..at], 0xff, App1, (byte)((length + 2) >> 8), (byte)(length + 2), .. Exif.Prefix, .. tiff, .. file[at..]];
    }
}
