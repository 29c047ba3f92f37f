using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Tuna2.Engine.Imaging;

/// <summary>
/// Writes 8-bit RGB PNG files with text: keyword and value pairs such as <c>parameters</c>, which picture tools show.
/// Text of Latin-1 becomes a tEXt chunk, any other an iTXt chunk (UTF-8); <see cref="PngText"/> reads both back.
/// </summary>
internal static class PngWriter
{
    /// <summary>Writes a PNG to a stream, which is left open.</summary>
    /// <param name="stream">Gets the file's bytes.</param>
    /// <param name="image">The picture.</param>
    /// <param name="text">Keywords (1 to 79 printable Latin-1 characters) and values (at most 1 MB each), in file order.</param>
    /// <exception cref="ImageException">A keyword or value does not fit a PNG.</exception>
    public static void Write(Stream stream, RgbImage image, IEnumerable<KeyValuePair<string, string>>? text = null)
    {
        WriteHead(stream, image.Width, image.Height, text ?? []);
        using var compressed = Compress(image, 0, 0, image.Width, image.Height);
        PngChunk.Write(stream, "IDAT", compressed.GetBuffer().AsSpan(0, (int)compressed.Length));
        PngChunk.Write(stream, "IEND", []);
    }

    /// <summary>What stands before the pixels: the signature, the header, the texts.</summary>
    /// <exception cref="ImageException">A keyword or value does not fit a PNG; then nothing is written.</exception>
    public static void WriteHead(Stream stream, int width, int height, IEnumerable<KeyValuePair<string, string>> text)
    {
        var chunks = text.Select(pair => TextChunk(pair.Key, pair.Value)).ToList();
        stream.Write(PngChunk.Signature);
        PngChunk.Write(stream, "IHDR", Header(width, height));
        foreach (var (type, data) in chunks)
            PngChunk.Write(stream, type, data);
    }

    private static byte[] Header(int width, int height)
    {
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        header[8] = 8; // bits per sample
        header[9] = 2; // red, green, blue
        return header; // deflate, adaptive filters, not interlaced: all 0
    }

    private static (string Type, byte[] Data) TextChunk(string keyword, string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        if (!IsKeyword(keyword))
            throw new ImageException($"'{keyword}' is not a PNG text keyword (1 to 79 printable Latin-1 characters, single inner spaces)");
        if (value.Contains('\0'))
            throw new ImageException($"the PNG text '{keyword}' holds a null character");
        byte[] data = IsLatin1(value)
            ? [.. Encoding.Latin1.GetBytes(keyword), 0, .. Encoding.Latin1.GetBytes(value)]
            : [.. Encoding.Latin1.GetBytes(keyword), 0, 0, 0, 0, 0, .. Encoding.UTF8.GetBytes(value)]; // uncompressed, no language
        if (data.Length > PngChunk.MaxTextBytes)
            throw new ImageException($"the PNG text '{keyword}' is longer than {PngChunk.MaxTextBytes} bytes");
        return (IsLatin1(value) ? "tEXt" : "iTXt", data);
    }

    private static bool IsKeyword(string keyword)
        => keyword is { Length: >= 1 and <= 79 } && keyword.All(c => c is (>= ' ' and <= '~') or (>= '\u00a1' and <= '\u00ff'))
            && keyword.Trim(' ') == keyword && !keyword.Contains("  ", StringComparison.Ordinal);

    private static bool IsLatin1(string value) => value.All(c => c <= '\u00ff');

    /// <summary>The pixels of a rectangle as the zlib stream of an IDAT or fdAT chunk.</summary>
    public static MemoryStream Compress(RgbImage image, int left, int top, int width, int height)
    {
        var compressed = new MemoryStream();
        var stride = width * 3;
        var above = new byte[stride];
        var (best, trial) = (new byte[stride + 1], new byte[stride + 1]);
        using (var zlib = new ZLibStream(compressed, CompressionLevel.Optimal, leaveOpen: true))
        {
            for (var y = top; y < top + height; y++)
            {
                var row = image.Row(y).Slice(left * 3, stride);
                var least = long.MaxValue;
                for (byte filter = 0; filter <= 4; filter++)
                {
                    Filter(filter, row, above, trial);
                    var sum = SumOfMagnitudes(trial.AsSpan(1), least);
                    if (sum >= least) continue;
                    least = sum;
                    (best, trial) = (trial, best);
                }
                zlib.Write(best);
                row.CopyTo(above);
            }
        }
        return compressed;
    }

    /// <summary>The row less a prediction from the pixels to the left, above, and above left (W3C PNG, section 9).</summary>
    private static void Filter(byte filter, ReadOnlySpan<byte> row, ReadOnlySpan<byte> above, Span<byte> filtered)
    {
        filtered[0] = filter;
        for (var i = 0; i < row.Length; i++)
        {
            int left = i < 3 ? 0 : row[i - 3], corner = i < 3 ? 0 : above[i - 3];
            var prediction = filter switch
            {
                0 => 0,
                1 => left,
                2 => above[i],
                3 => (left + above[i]) / 2,
                _ => Paeth(left, above[i], corner),
            };
            filtered[i + 1] = (byte)(row[i] - prediction);
        }
    }

    private static int Paeth(int left, int above, int corner)
    {
        int toLeft = Math.Abs(above - corner), toAbove = Math.Abs(left - corner), toCorner = Math.Abs(left + above - 2 * corner);
        if (toLeft <= toAbove && toLeft <= toCorner) return left;
        return toAbove <= toCorner ? above : corner;
    }

    /// <summary>How far a filtered row is from zero, bytes taken as signed: the usual guess at how well it will compress.</summary>
    private static long SumOfMagnitudes(ReadOnlySpan<byte> bytes, long enough)
    {
        var sum = 0L;
        foreach (var b in bytes)
        {
            sum += b < 128 ? b : 256 - b;
            if (sum >= enough) break;
        }
        return sum;
    }
}
