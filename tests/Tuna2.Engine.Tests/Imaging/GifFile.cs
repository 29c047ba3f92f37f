namespace Tuna2.Engine.Tests.Imaging;

/// <summary>Writes small GIF animations, of which every code is a colour: nothing is compressed.</summary>
internal sealed class GifFile(int width, int height)
{
    /// <summary>Codes of seven bits for colours, eight for all: a table that is cleared before it needs a ninth.</summary>
    private const int ColourBits = 7, Clear = 128, End = 129, CodesBetweenClears = 100;

    public const byte Transparent = 127;

    private readonly MemoryStream _file = Begin(width, height);

    /// <summary>Adds a frame; colour n is (2n, 255 - 2n, n), the last is transparent.</summary>
    /// <param name="left">Where it lies.</param>
    /// <param name="top">Where it lies.</param>
    /// <param name="wide">Its width.</param>
    /// <param name="colours">A colour per pixel.</param>
    /// <param name="centiseconds">How long it is shown.</param>
    /// <param name="disposal">1 stay, 2 to the background, 3 to what was before.</param>
    public GifFile Add(int left, int top, int wide, byte[] colours, int centiseconds, int disposal)
    {
        _file.Write([0x21, 0xf9, 4, (byte)(disposal << 2 | 1), (byte)centiseconds, 0, Transparent, 0]);
        _file.Write([0x2c, (byte)left, 0, (byte)top, 0, (byte)wide, 0, (byte)(colours.Length / wide), 0, 0, ColourBits]);
        var codes = new List<byte>();
        for (var i = 0; i < colours.Length; i++)
        {
            if (i % CodesBetweenClears == 0)
                codes.Add(Clear);
            codes.Add(colours[i]);
        }
        codes.Add(End);
        foreach (var block in codes.Chunk(255))
            _file.Write([(byte)block.Length, .. block]);
        _file.WriteByte(0);
        return this;
    }

    public byte[] ToArray() => [.. _file.ToArray(), 0x3b];

    /// <summary>The three bytes of a colour.</summary>
    public static byte[] Colour(int n) => n == Transparent ? [255, 255, 255] : [(byte)(2 * n), (byte)(255 - 2 * n), (byte)n];

    private static MemoryStream Begin(int width, int height)
    {
        var file = new MemoryStream();
        file.Write([.. "GIF89a"u8, (byte)width, 0, (byte)height, 0, 0x80 | (ColourBits - 1), 0, 0]);
        for (var n = 0; n < 1 << ColourBits; n++)
            file.Write(Colour(n));
        return file;
    }
}
