using System.Buffers.Binary;

namespace Tuna2.Engine.Imaging;

/// <summary>
/// Reads animated PNG files (W3C PNG, third edition). Skia decodes the pixels, frame by frame as PNG files of their own, of whatever
/// colour type; what is done here is taking them out and laying them over one another.
/// </summary>
internal static class ApngReader
{
    /// <summary>A frame that is taken away before the next is drawn: to nothing, or to what was there before it.</summary>
    private const byte DisposeToBackground = 1, DisposeToPrevious = 2;

    /// <summary>The file has fractions: 24 of 1/24 s are 24 a second, not 23.999999999999996.</summary>
    private const double Rounding = 1e-9;

    private const int HeaderLength = 13, ControlLength = 26, FrameDataOffset = 4;

    /// <summary>Whether a file is a PNG with an animation in it.</summary>
    public static bool IsAnimated(ReadOnlySpan<byte> file) =>
        file.StartsWith(PngChunk.Signature) && PngChunk.Find(file, "acTL"u8, before: "IDAT"u8).Length == 8;

    public static VideoClip Read(ReadOnlyMemory<byte> encoded, string name, VideoReadOptions options, CancellationToken cancellation)
    {
        var parts = Take(encoded.Span, name);
        double[] seconds = [.. parts.Frames.Select(frame => frame.Seconds)];
        var repeats = FrameDelays.Repeats(seconds);
        var total = checked((int)repeats.Sum(r => (long)r));
        var frames = new FrameCollector(name, options, total);
        var canvas = new Canvas(parts.Width, parts.Height);
        for (var i = 0; i < parts.Frames.Count && !frames.IsFull; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            var frame = parts.Frames[i];
            var pixels = RgbImage.DecodeRgba(frame.AsPng(parts), $"{name}, frame {i + 1}", frame.Width, frame.Height);
            var before = frame.Dispose == DisposeToPrevious && i > 0 ? canvas.Copy() : null;
            canvas.Draw(frame, pixels);
            frames.Offer(repeats[i], canvas.ToPicture);
            if (before is not null)
                canvas = before;
            else if (frame.Dispose is DisposeToBackground or DisposeToPrevious)
                canvas.Clear(frame);
        }
        return frames.Finish(FrameDelays.Rate(total, seconds.Sum(), Rounding));
    }

    private static Parts Take(ReadOnlySpan<byte> file, string name)
    {
        var rest = file[PngChunk.Signature.Length..];
        var parts = new Parts();
        Frame? current = null;
        int announced = 0, sequence = 0;
        while (true)
        {
            PngChunk.Take(ref rest, name, out var type, out var data);
            if (type.SequenceEqual("IHDR"u8) && data.Length == HeaderLength)
            {
                data.CopyTo(parts.Header);
                RgbImage.CheckSize(name, parts.Width, parts.Height);
            }
            else if (type.SequenceEqual("PLTE"u8))
            {
                parts.Palette = data.ToArray();
            }
            else if (type.SequenceEqual("tRNS"u8))
            {
                parts.Transparency = data.ToArray();
            }
            else if (type.SequenceEqual("acTL"u8) && data.Length == 8)
            {
                announced = BinaryPrimitives.ReadInt32BigEndian(data);
            }
            else if (type.SequenceEqual("fcTL"u8))
            {
                if (data.Length != ControlLength || parts.Width == 0)
                    throw Damaged(name, "an fcTL chunk is malformed");
                Count(data);
                parts.Frames.Add(current = Frame.Of(data, parts, name));
            }
            else if (type.SequenceEqual("IDAT"u8))
            {
                current?.Data.Write(data); // before any fcTL it is the picture for readers that know no animation
            }
            else if (type.SequenceEqual("fdAT"u8))
            {
                if (data.Length < FrameDataOffset || current is null)
                    throw Damaged(name, "an fdAT chunk is malformed");
                Count(data);
                current.Data.Write(data[FrameDataOffset..]);
            }
            else if (type.SequenceEqual("IEND"u8))
            {
                break;
            }
        }
        return parts.Frames.Count == announced && announced > 0
            ? parts
            : throw Damaged(name, $"it has {parts.Frames.Count} frames and says {announced}");

        void Count(ReadOnlySpan<byte> data)
        {
            if (BinaryPrimitives.ReadInt32BigEndian(data) != sequence++)
                throw Damaged(name, "its frames are out of order");
        }
    }

    private static ImageException Damaged(string name, string why) => new($"{name}: the animation is damaged: {why}");

    /// <summary>What a file holds.</summary>
    private sealed class Parts
    {
        public byte[] Header { get; } = new byte[HeaderLength];

        public byte[]? Palette { get; set; }

        public byte[]? Transparency { get; set; }

        public List<Frame> Frames { get; } = [];

        public int Width => BinaryPrimitives.ReadInt32BigEndian(Header);

        public int Height => BinaryPrimitives.ReadInt32BigEndian(Header.AsSpan(4));
    }

    private sealed record Frame(int Width, int Height, int Left, int Top, double Seconds, byte Dispose, bool BlendOver)
    {
        public MemoryStream Data { get; } = new();

        public static Frame Of(ReadOnlySpan<byte> control, Parts parts, string name)
        {
            var numbers = new uint[4];
            for (var i = 0; i < numbers.Length; i++)
                numbers[i] = BinaryPrimitives.ReadUInt32BigEndian(control[(4 + 4 * i)..]);
            var (width, height, left, top) = (numbers[0], numbers[1], numbers[2], numbers[3]);
            if (width == 0 || height == 0 || (long)left + width > parts.Width || (long)top + height > parts.Height)
                throw Damaged(name, $"frame {parts.Frames.Count + 1} lies outside the picture");
            int delay = BinaryPrimitives.ReadUInt16BigEndian(control[20..]), parted = BinaryPrimitives.ReadUInt16BigEndian(control[22..]);
            return new((int)width, (int)height, (int)left, (int)top, delay == 0 ? FrameDelays.Unsaid : delay / (parted == 0 ? 100.0 : parted), control[24], control[25] == 1);
        }

        /// <summary>The frame as a picture file of its own.</summary>
        public byte[] AsPng(Parts parts)
        {
            var header = parts.Header.ToArray();
            BinaryPrimitives.WriteInt32BigEndian(header, Width);
            BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), Height);
            var file = new MemoryStream();
            file.Write(PngChunk.Signature);
            PngChunk.Write(file, "IHDR", header);
            if (parts.Palette is not null)
                PngChunk.Write(file, "PLTE", parts.Palette);
            if (parts.Transparency is not null)
                PngChunk.Write(file, "tRNS", parts.Transparency);
            PngChunk.Write(file, "IDAT", Data.GetBuffer().AsSpan(0, (int)Data.Length));
            PngChunk.Write(file, "IEND", []);
            return file.ToArray();
        }
    }

    /// <summary>What is shown: red, green, blue and alpha, colours not multiplied by it, all nothing at first.</summary>
    private sealed class Canvas(int width, int height)
    {
        private readonly byte[] _rgba = new byte[(long)width * height * 4];

        public Canvas Copy()
        {
            var copy = new Canvas(width, height);
            _rgba.CopyTo(copy._rgba, 0);
            return copy;
        }

        public RgbImage ToPicture() => RgbImage.FromRgba(width, height, _rgba, overWhite: true);

        public void Draw(Frame frame, ReadOnlySpan<byte> pixels)
        {
            for (var y = 0; y < frame.Height; y++)
            {
                var from = pixels.Slice(y * frame.Width * 4, frame.Width * 4);
                var to = Row(frame, y);
                if (!frame.BlendOver)
                    from.CopyTo(to);
                else
                    Blend(from, to);
            }
        }

        public void Clear(Frame frame)
        {
            for (var y = 0; y < frame.Height; y++)
                Row(frame, y).Clear();
        }

        private Span<byte> Row(Frame frame, int y) => _rgba.AsSpan(((frame.Top + y) * width + frame.Left) * 4, frame.Width * 4);

        /// <summary>Colour over colour (W3C PNG, section 13.16), to the nearest.</summary>
        private static void Blend(ReadOnlySpan<byte> from, Span<byte> to)
        {
            for (var i = 0; i < from.Length; i += 4)
            {
                int above = from[i + 3] * 255, below = (255 - from[i + 3]) * to[i + 3], alpha = above + below;
                if (alpha == 0)
                    continue;
                for (var c = i; c < i + 3; c++)
                    to[c] = (byte)((from[c] * above + to[c] * below + alpha / 2) / alpha);
                to[i + 3] = (byte)((alpha + 127) / 255);
            }
        }
    }
}
