using System.Buffers.Binary;
using System.Runtime.Intrinsics;

namespace Tuna2.Engine.Imaging;

/// <summary>
/// Bicubic resizing exactly as Pillow's <c>Image.resize(size, BICUBIC)</c> does it on bytes: the kernel (a = -1/2) widens
/// with the reduction, so that shrinking is antialiased; one pass along rows, rounded to bytes, then one along columns.
/// </summary>
/// <remarks>Every byte equals Pillow's. Rows are shared out over the processors; nothing is allocated per row.</remarks>
public static class BicubicResizer
{
    /// <summary>Fractional bits of a weight: 8 bits of pixel, 2 of headroom for the kernel's overshoot, 22 of 32 left.</summary>
    private const int WeightBits = 22;

    /// <summary>The whole picture at another size.</summary>
    /// <exception cref="ImageException">The size is out of <see cref="RgbImage"/>'s range.</exception>
    public static RgbImage Resize(RgbImage image, int width, int height)
        => ResizeWindow(image, width, height, 0, 0, width, height);

    /// <summary>
    /// The window at (<paramref name="left"/>, <paramref name="top"/>) of the picture resized to <paramref name="width"/> x
    /// <paramref name="height"/>; the rest is never computed, so that the resized picture may be far larger than memory.
    /// </summary>
    internal static RgbImage ResizeWindow(
        RgbImage image, int width, int height, int left, int top, int windowWidth, int windowHeight)
    {
        ArgumentNullException.ThrowIfNull(image);
        if (windowWidth < 1 || windowHeight < 1 || windowWidth > RgbImage.MaxSide || windowHeight > RgbImage.MaxSide
            || (long)windowWidth * windowHeight > RgbImage.MaxPixels)
            throw new ImageException($"a picture cannot be resized to {windowWidth}x{windowHeight} pixels");
        if (image.Width == width && image.Height == height && windowWidth == width && windowHeight == height)
            return image;

        var columns = new Weights(image.Width, width, left, windowWidth);
        var rows = new Weights(image.Height, height, top, windowHeight);
        var (firstRow, lastRow) = rows.SourceRange;

        var narrowed = new byte[(lastRow - firstRow) * windowWidth * 3];
        Parallel.For(firstRow, lastRow, y =>
            ResizeRow(image.Row(y), narrowed.AsSpan((y - firstRow) * windowWidth * 3, windowWidth * 3), columns));

        var pixels = new byte[windowHeight * windowWidth * 3];
        Parallel.For(0, windowHeight, y =>
            BlendRows(narrowed, firstRow, pixels.AsSpan(y * windowWidth * 3, windowWidth * 3), rows.Start(y), rows.Of(y)));
        return new RgbImage(windowWidth, windowHeight, pixels);
    }

    private static void ResizeRow(ReadOnlySpan<byte> source, Span<byte> destination, Weights columns)
    {
        for (int x = 0, to = 0; to < destination.Length; x++, to += 3)
        {
            var weights = columns.Of(x);
            var pixels = source.Slice(columns.Start(x) * 3, weights.Length * 3);
            var last = weights.Length - 1;
            var sum = Vector128.Create(1 << (WeightBits - 1));
            for (int i = 0, from = 0; i < last; i++, from += 3)
                sum += Widen(BinaryPrimitives.ReadUInt32LittleEndian(pixels[from..])) * weights[i];
            sum += Vector128.Create(pixels[^3], pixels[^2], pixels[^1], 0) * weights[last];
            destination[to] = ToByte(sum[0]);
            destination[to + 1] = ToByte(sum[1]);
            destination[to + 2] = ToByte(sum[2]);
        }
    }

    /// <summary>One row as the weighted sum of rows; in strips whose sums stay in the nearest cache, and on the stack.</summary>
    private static void BlendRows(byte[] source, int firstRow, Span<byte> destination, int start, ReadOnlySpan<int> weights)
    {
        Span<int> sums = stackalloc int[1024];
        var stride = destination.Length;
        for (var left = 0; left < stride; left += sums.Length)
        {
            var strip = sums[..Math.Min(sums.Length, stride - left)];
            strip.Fill(1 << (WeightBits - 1));
            for (var i = 0; i < weights.Length; i++)
            {
                var row = source.AsSpan((start - firstRow + i) * stride + left, strip.Length);
                var weight = weights[i];
                for (var x = 0; x < strip.Length; x++)
                    strip[x] += row[x] * weight;
            }
            for (var x = 0; x < strip.Length; x++)
                destination[left + x] = ToByte(strip[x]);
        }
    }

    /// <summary>A pixel and the first byte of the next, which lands in a lane that nobody reads.</summary>
    private static Vector128<int> Widen(uint fourBytes)
        => Vector128.WidenLower(Vector128.WidenLower(Vector128.CreateScalarUnsafe(fourBytes).AsByte())).AsInt32();

    private static byte ToByte(int sum) => (byte)Math.Clamp(sum >> WeightBits, 0, 255);

    /// <summary>Along one axis: which source pixels each pixel of the window is made of, and how much of each.</summary>
    private sealed class Weights
    {
        private readonly int[] _starts;
        private readonly int[] _counts;
        private readonly int[] _weights;
        private readonly int _stride;

        public Weights(int sourceSize, int size, int windowStart, int windowSize)
        {
            var scale = (double)sourceSize / size;
            var stretch = Math.Max(scale, 1.0);
            var support = 2.0 * stretch;
            _stride = (int)Math.Ceiling(support) * 2 + 1;
            _starts = new int[windowSize];
            _counts = new int[windowSize];
            _weights = new int[windowSize * _stride];

            var exact = new double[_stride];
            for (var i = 0; i < windowSize; i++)
            {
                var center = (windowStart + i + 0.5) * scale;
                var start = Math.Max((int)(center - support + 0.5), 0);
                var count = Math.Min((int)(center + support + 0.5), sourceSize) - start;
                var sum = 0.0;
                for (var k = 0; k < count; k++)
                    sum += exact[k] = Kernel((k + start - center + 0.5) * (1.0 / stretch));
                for (var k = 0; k < count; k++)
                    _weights[i * _stride + k] = RoundToWeight(exact[k] / sum);
                _starts[i] = start;
                _counts[i] = count;
            }
        }

        /// <summary>The source pixels [First, End) that the window needs.</summary>
        public (int First, int End) SourceRange => (_starts[0], _starts[^1] + _counts[^1]);

        public int Start(int i) => _starts[i];

        public ReadOnlySpan<int> Of(int i) => _weights.AsSpan(i * _stride, _counts[i]);

        /// <summary>Half away from zero: Pillow adds or subtracts 0.5 and truncates.</summary>
        private static int RoundToWeight(double weight)
            => (int)(weight * (1 << WeightBits) + (weight < 0 ? -0.5 : 0.5));

        /// <summary>Keys' cubic convolution with a = -1/2, in Pillow's order of operations.</summary>
        private static double Kernel(double x)
        {
            const double A = -0.5;
            x = Math.Abs(x);
            if (x < 1.0) return ((A + 2.0) * x - (A + 3.0)) * x * x + 1;
            if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * A;
            return 0.0;
        }
    }
}
