using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Tuna2.Engine.Imaging;

/// <summary>Reads the texts of a PNG file (tEXt, zTXt and iTXt chunks), for instance the <c>parameters</c> it was made with.</summary>
internal static class PngText
{
    /// <summary>The texts of all chunks together: a file with more is hostile.</summary>
    private const int MaxAllText = 64 << 20;

    /// <summary>Keywords and values of the PNG that starts at the stream's position, in file order; none when the file has no texts.</summary>
    /// <param name="stream">A PNG file; it is left open.</param>
    /// <param name="name">What errors call the file.</param>
    /// <exception cref="ImageException">The file is no PNG or ends early, or a text chunk is damaged or longer than 1 MB.</exception>
    public static IReadOnlyList<KeyValuePair<string, string>> Read(Stream stream, string name)
    {
        var texts = new List<KeyValuePair<string, string>>();
        var total = 0L;
        Span<byte> head = stackalloc byte[8];
        if (stream.ReadAtLeast(head, 8, throwOnEndOfStream: false) < 8 || !head.SequenceEqual(PngChunk.Signature))
            throw new ImageException($"{name}: not a PNG file");
        try
        {
            while (true)
            {
                stream.ReadExactly(head);
                var length = BinaryPrimitives.ReadUInt32BigEndian(head);
                var type = head[4..];
                if (type.SequenceEqual("IEND"u8)) return texts;
                if (!(type.SequenceEqual("tEXt"u8) || type.SequenceEqual("zTXt"u8) || type.SequenceEqual("iTXt"u8)))
                {
                    Skip(stream, length + 4L);
                    continue;
                }
                if (length > PngChunk.MaxTextBytes) throw TooLong(name);
                var data = new byte[length];
                stream.ReadExactly(data);
                var crc = PngChunk.Crc(type, data);
                stream.ReadExactly(head[..4]);
                if (BinaryPrimitives.ReadUInt32BigEndian(head) != crc)
                    throw new ImageException($"{name}: a text chunk is damaged (its CRC does not match)");
                var text = Parse(head[4], data, name);
                total += text.Key.Length + text.Value.Length;
                if (total > MaxAllText) throw new ImageException($"{name}: more than {MaxAllText >> 20} MiB of text");
                texts.Add(text);
            }
        }
        catch (EndOfStreamException e)
        {
            throw new ImageException($"{name}: the picture ends early", e);
        }
    }

    /// <summary>
    /// tEXt: keyword, 0, text. zTXt: keyword, 0, method, deflated text.
    /// iTXt: keyword, 0, whether deflated, method, language, 0, translated keyword, 0, text.
    /// </summary>
    private static KeyValuePair<string, string> Parse(byte kind, byte[] data, string name)
    {
        ReadOnlySpan<byte> rest = data;
        var keyword = Encoding.Latin1.GetString(Field(ref rest, name));
        if (kind == 't') return new(keyword, Encoding.Latin1.GetString(rest));
        if (kind == 'z') return new(keyword, Encoding.Latin1.GetString(Inflate(rest, name)));
        if (rest.Length < 2) throw Malformed(name);
        var deflated = rest[0] != 0;
        var method = rest[1];
        rest = rest[2..];
        _ = Field(ref rest, name);
        _ = Field(ref rest, name);
        return new(keyword, Encoding.UTF8.GetString(deflated ? Inflate([method, .. rest], name) : rest));
    }

    /// <summary>Takes the bytes before the next 0 off <paramref name="rest"/>.</summary>
    private static ReadOnlySpan<byte> Field(ref ReadOnlySpan<byte> rest, string name)
    {
        var end = rest.IndexOf((byte)0);
        if (end < 0) throw Malformed(name);
        var field = rest[..end];
        rest = rest[(end + 1)..];
        return field;
    }

    /// <summary>A compression method (0, zlib, is the only one), then the stream; what it grows to is limited.</summary>
    private static byte[] Inflate(ReadOnlySpan<byte> methodAndData, string name)
    {
        if (methodAndData.IsEmpty || methodAndData[0] != 0) throw Malformed(name);
        using var zlib = new ZLibStream(new MemoryStream(methodAndData[1..].ToArray()), CompressionMode.Decompress);
        var text = new byte[PngChunk.MaxTextBytes + 1];
        try
        {
            var length = zlib.ReadAtLeast(text, text.Length, throwOnEndOfStream: false);
            return length <= PngChunk.MaxTextBytes ? text[..length] : throw TooLong(name);
        }
        catch (InvalidDataException e)
        {
            throw new ImageException($"{name}: a text chunk is damaged", e);
        }
    }

    private static void Skip(Stream stream, long count)
    {
        if (stream.CanSeek)
        {
            if (stream.Length - stream.Position < count) throw new EndOfStreamException();
            stream.Seek(count, SeekOrigin.Current);
            return;
        }
        var part = new byte[(int)Math.Min(count, 81920)];
        for (; count > 0; count -= Math.Min(count, part.Length))
            stream.ReadExactly(part, 0, (int)Math.Min(count, part.Length));
    }

    private static ImageException TooLong(string name) => new($"{name}: a text chunk is longer than {PngChunk.MaxTextBytes} bytes");

    private static ImageException Malformed(string name) => new($"{name}: a text chunk is malformed");
}
