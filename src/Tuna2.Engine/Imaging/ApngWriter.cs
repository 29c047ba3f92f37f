using System.Buffers.Binary;

namespace Tuna2.Engine.Imaging;

/// <summary>
/// Writes animated PNG files (W3C PNG, third edition: acTL, fcTL and fdAT chunks) that repeat for ever. Readers that know no
/// animation show the first frame; each later one holds the rectangle that changed.
/// </summary>
internal static class ApngWriter
{
    public static byte[] Encode(VideoClip clip, ImageWriteOptions options, CancellationToken cancellation)
    {
        var areas = new (int Left, int Top, int Width, int Height)[clip.Frames.Count];
        var pixels = new MemoryStream[clip.Frames.Count];
        Parallel.For(0, areas.Length, new ParallelOptions { CancellationToken = cancellation }, i =>
        {
            areas[i] = i == 0 ? (0, 0, clip.Width, clip.Height) : Changed(clip.Frames[i - 1], clip.Frames[i]);
            pixels[i] = PngWriter.Compress(clip.Frames[i], areas[i].Left, areas[i].Top, areas[i].Width, areas[i].Height);
        });

        var file = new MemoryStream();
        PngWriter.WriteHead(file, clip.Width, clip.Height, options.Text);
        var control = new byte[8];
        BinaryPrimitives.WriteInt32BigEndian(control, areas.Length); // played 0 times: for ever
        PngChunk.Write(file, "acTL", control);
        var delay = Delay(clip.FramesPerSecond);
        var sequence = 0;
        for (var i = 0; i < areas.Length; i++)
        {
            PngChunk.Write(file, "fcTL", Control(sequence++, areas[i], delay));
            var data = pixels[i].GetBuffer().AsSpan(0, (int)pixels[i].Length);
            if (i == 0)
            {
                PngChunk.Write(file, "IDAT", data);
                continue;
            }
            var numbered = new byte[4 + data.Length];
            BinaryPrimitives.WriteInt32BigEndian(numbered, sequence++);
            data.CopyTo(numbered.AsSpan(4));
            PngChunk.Write(file, "fdAT", numbered);
        }
        PngChunk.Write(file, "IEND", []);
        return file.ToArray();
    }

    private static byte[] Control(int sequence, (int Left, int Top, int Width, int Height) area, (ushort Numerator, ushort Denominator) delay)
    {
        var control = new byte[26]; // the last two: the frame stays, and replaces what was there
        foreach (var (at, value) in new[] { (0, sequence), (4, area.Width), (8, area.Height), (12, area.Left), (16, area.Top) })
            BinaryPrimitives.WriteInt32BigEndian(control.AsSpan(at), value);
        BinaryPrimitives.WriteUInt16BigEndian(control.AsSpan(20), delay.Numerator);
        BinaryPrimitives.WriteUInt16BigEndian(control.AsSpan(22), delay.Denominator);
        return control;
    }

    /// <summary>The seconds of a frame as the fraction of two 16-bit numbers nearest to them, the smallest such: 24000/1001 a second is 1001/24000.</summary>
    internal static (ushort Numerator, ushort Denominator) Delay(double framesPerSecond)
    {
        var (best, least) = ((Numerator: (ushort)1, Denominator: (ushort)1), double.PositiveInfinity);
        for (var numerator = 1; numerator <= ushort.MaxValue; numerator++)
        {
            var denominator = Math.Round(numerator * framesPerSecond);
            if (denominator > ushort.MaxValue)
                break;
            var error = Math.Abs(Math.Max(denominator, 1) / numerator - framesPerSecond);
            if (error < least * (1 - 1e-9))
                (best, least) = (((ushort)numerator, (ushort)Math.Max(denominator, 1)), error);
        }
        return best;
    }

    /// <summary>The rectangle outside which two frames are equal; one pixel where they are equal everywhere, since there is none of no size.</summary>
    private static (int Left, int Top, int Width, int Height) Changed(RgbImage before, RgbImage after)
    {
        int top = -1, bottom = 0, left = int.MaxValue, right = 0;
        for (var y = 0; y < after.Height; y++)
        {
            var old = before.Row(y);
            var now = after.Row(y);
            var first = old.CommonPrefixLength(now);
            if (first == now.Length)
                continue;
            var last = now.Length - 1;
            while (old[last] == now[last])
                last--;
            (top, bottom) = (top < 0 ? y : top, y);
            (left, right) = (Math.Min(left, first / 3), Math.Max(right, last / 3));
        }
        return top < 0 ? (0, 0, 1, 1) : (left, top, right - left + 1, bottom - top + 1);
    }
}
