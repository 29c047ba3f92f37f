using System.Buffers.Binary;
using System.Text;

namespace Tuna2.Engine.Imaging;

/// <summary>
/// The EXIF fields of a picture file that matter here (EXIF 2.32; its container is TIFF 6.0): the orientation, and texts.
/// "parameters" is the user comment, as picture tools write it into JPEG and WebP; other keywords stand in a maker note of ours.
/// </summary>
/// <param name="Orientation">1 to 8; 1 where there is none.</param>
/// <param name="Texts">Keywords and texts.</param>
internal sealed record Exif(int Orientation, IReadOnlyList<KeyValuePair<string, string>> Texts)
{
    /// <summary>The keyword of the text other tools show.</summary>
    public const string CommentKeyword = "parameters";

    private const ushort OrientationTag = 0x0112, SoftwareTag = 0x0131, ExifTag = 0x8769, VersionTag = 0x9000, MakerNoteTag = 0x927c, UserCommentTag = 0x9286;
    private const ushort Ascii = 2, Short = 3, Long = 4, Undefined = 7;

    /// <summary>No fields at all.</summary>
    public static Exif None { get; } = new(Imaging.Orientation.Upright, []);

    /// <summary>What stands before the TIFF data in a JPEG, and, by mistake, in some WebP and PNG files.</summary>
    public static ReadOnlySpan<byte> Prefix => "Exif\0\0"u8;

    private static ReadOnlySpan<byte> Maker => "Tuna2.Engine\0"u8;

    /// <summary>The fields of a whole picture file; none where it has none, or they make no sense: a picture is read all the same.</summary>
    public static Exif Of(ReadOnlySpan<byte> file)
    {
        var data = ImageFormats.OfContent(file) switch
        {
            ImageFormat.Png => PngChunk.Find(file, "eXIf"u8),
            ImageFormat.Jpeg => JpegExif.Find(file),
            ImageFormat.Webp => WebpExif.Find(file),
            _ => [],
        };
        return Parse(data.StartsWith(Prefix) ? data[Prefix.Length..] : data);
    }

    /// <summary>TIFF data with the texts in it, big-endian: the byte order tools expect of a user comment in any case.</summary>
    public static byte[] Build(IReadOnlyList<KeyValuePair<string, string>> texts)
    {
        byte[] version = [.. "0232"u8];
        var fields = new List<(ushort Tag, byte[] Data)> { (VersionTag, version) };
        var own = texts.Where(text => text.Key != CommentKeyword).ToList();
        if (own.Count > 0)
            fields.Add((MakerNoteTag, [.. Maker, .. own.SelectMany(text => Encoding.UTF8.GetBytes($"{text.Key}\0{text.Value}\0"))]));
        if (texts.FirstOrDefault(text => text.Key == CommentKeyword) is { Key: not null } comment)
            fields.Add((UserCommentTag, [.. "UNICODE\0"u8, .. Encoding.BigEndianUnicode.GetBytes(comment.Value)]));

        byte[] software = [.. "Tuna2.Engine\0"u8];
        const int first = 8, firstLength = 2 + 2 * 12 + 4;
        var second = Even(first + firstLength + software.Length);
        var tiff = new MemoryStream();
        tiff.Write("MM\0*"u8);
        Write32(tiff, first);
        Write16(tiff, 2);
        Entry(tiff, SoftwareTag, Ascii, software.Length, first + firstLength);
        Entry(tiff, ExifTag, Long, 1, second);
        Write32(tiff, 0);
        tiff.Write(software);
        Pad(tiff);

        Write16(tiff, fields.Count);
        var next = second + 2 + fields.Count * 12 + 4;
        foreach (var (tag, data) in fields)
        {
            if (data.Length <= 4)
            {
                Entry(tiff, tag, Undefined, data.Length, BinaryPrimitives.ReadInt32BigEndian(data));
                continue;
            }
            Entry(tiff, tag, Undefined, data.Length, next);
            next = Even(next + data.Length);
        }
        Write32(tiff, 0);
        foreach (var (_, data) in fields.Where(field => field.Data.Length > 4))
        {
            tiff.Write(data);
            Pad(tiff);
        }
        return tiff.ToArray();
    }

    private static Exif Parse(ReadOnlySpan<byte> tiff)
    {
        if (tiff.Length < 8 || !(tiff.StartsWith("II*\0"u8) || tiff.StartsWith("MM\0*"u8)))
            return None;
        var little = tiff[0] == 'I';
        var orientation = Imaging.Orientation.Upright;
        var texts = new List<KeyValuePair<string, string>>();
        var directory = Read32(tiff[4..], little);
        if (Field(tiff, directory, OrientationTag, little) is { Length: >= 2 } value)
            orientation = Read16(value, little);
        if (Field(tiff, directory, ExifTag, little) is { Length: >= 4 } pointer)
        {
            var inner = Read32(pointer, little);
            if (Field(tiff, inner, UserCommentTag, little) is { Length: >= 8 } comment && Comment(comment, little) is { Length: > 0 } text)
                texts.Add(new(CommentKeyword, text));
            var note = Field(tiff, inner, MakerNoteTag, little);
            if (note.StartsWith(Maker))
                AddPairs(note[Maker.Length..], texts);
        }
        return new(orientation is >= 1 and <= 8 ? orientation : Imaging.Orientation.Upright, texts);
    }

    /// <summary>The bytes of a field of the directory at an offset; none where it is missing or points outside.</summary>
    private static ReadOnlySpan<byte> Field(ReadOnlySpan<byte> tiff, uint directory, ushort tag, bool little)
    {
        if (directory > tiff.Length - 2)
            return [];
        var count = Read16(tiff[(int)directory..], little);
        for (var i = 0; i < count && directory + 2 + (i + 1) * 12 <= tiff.Length; i++)
        {
            var entry = tiff.Slice((int)directory + 2 + i * 12, 12);
            if (Read16(entry, little) != tag)
                continue;
            var size = Read16(entry[2..], little) switch { Short => 2, Long => 4, 1 or Ascii or 6 or Undefined => 1, _ => 0 };
            var length = size * (long)Read32(entry[4..], little);
            if (length <= 4)
                return entry.Slice(8, (int)length);
            var offset = Read32(entry[8..], little);
            return offset + length <= tiff.Length ? tiff.Slice((int)offset, (int)length) : [];
        }
        return [];
    }

    /// <summary>A user comment: eight bytes that name its encoding, then the text.</summary>
    private static string Comment(ReadOnlySpan<byte> comment, bool little)
    {
        var text = comment[8..];
        if (!comment.StartsWith("UNICODE\0"u8))
            return Encoding.UTF8.GetString(text).TrimEnd('\0', ' ');
        // Some tools write UTF-16 in the file's byte order, others big-endian always: the zeros of Latin letters tell.
        int even = 0, odd = 0;
        for (var i = 0; i + 1 < text.Length; i += 2)
            (even, odd) = (even + (text[i] == 0 ? 1 : 0), odd + (text[i + 1] == 0 ? 1 : 0));
        var encoding = (even == odd ? little : odd > even) ? Encoding.Unicode : Encoding.BigEndianUnicode;
        return encoding.GetString(text[..(text.Length & ~1)]).TrimStart('\ufeff').TrimEnd('\0');
    }

    private static void AddPairs(ReadOnlySpan<byte> pairs, List<KeyValuePair<string, string>> texts)
    {
        while (Take(ref pairs, out var keyword) && Take(ref pairs, out var text))
            texts.Add(new(keyword, text));

        static bool Take(ref ReadOnlySpan<byte> rest, out string text)
        {
            var end = rest.IndexOf((byte)0);
            text = end < 0 ? "" : Encoding.UTF8.GetString(rest[..end]);
            rest = end < 0 ? [] : rest[(end + 1)..];
            return end >= 0;
        }
    }

    private static void Entry(Stream tiff, ushort tag, ushort type, int count, int value)
    {
        Write16(tiff, tag);
        Write16(tiff, type);
        Write32(tiff, count);
        Write32(tiff, value);
    }

    private static void Write16(Stream tiff, int value) => tiff.Write([(byte)(value >> 8), (byte)value]);

    private static void Write32(Stream tiff, int value) => tiff.Write([(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value]);

    private static void Pad(MemoryStream tiff)
    {
        if (tiff.Length % 2 != 0)
            tiff.WriteByte(0);
    }

    private static int Even(int length) => length + (length & 1);

    private static ushort Read16(ReadOnlySpan<byte> bytes, bool little) =>
        little ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : BinaryPrimitives.ReadUInt16BigEndian(bytes);

    private static uint Read32(ReadOnlySpan<byte> bytes, bool little) =>
        little ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : BinaryPrimitives.ReadUInt32BigEndian(bytes);
}
