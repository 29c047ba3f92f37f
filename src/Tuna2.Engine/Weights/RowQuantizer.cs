using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Weights;

/// <summary>
/// Makes a row of a matrix into bytes and scales, and back. Each scale is found for its columns alone, in arithmetic of one fixed order that no
/// processor contracts or reorders: the same row gives the same bytes everywhere.
/// </summary>
/// <param name="precision">Int8, Int4 or Fp8.</param>
/// <param name="columns">Elements of a row.</param>
/// <param name="group">Columns that share a scale.</param>
internal sealed class RowQuantizer(Precision precision, int columns, int group)
{
    /// <summary>Columns of a word of nibbles.</summary>
    private const int WordColumns = 8;

    /// <summary>What float32 holds whole numbers up to 2^22 about, so that adding it rounds to the nearest, ties to even.</summary>
    private const float Rounder = 12582912;

    private const int MaxByte = 127, MinNibble = -8, MaxNibble = 7;

    /// <summary>
    /// Factors that are tried for an Int4 group: the largest element to about -8, the end of the range that has one step more. Beyond -8 it is
    /// clipped, below it the steps are wasted; which of both costs less, the group's other elements decide.
    /// </summary>
    private static readonly float[] _factors = [-7, -7.25f, -7.5f, -7.75f, -8, -8.25f, -8.5f, -8.75f, -9];

    /// <summary>Groups whose scales are looked for at once, one in each lane.</summary>
    private static readonly int _lanes = Vector256<float>.Count;

    private readonly int _group = group > 0 && (precision.IsByte() || group % (4 * WordColumns) == 0)
        ? group
        : throw new ArgumentOutOfRangeException(nameof(group), group, "a scale of nibbles covers whole 16-byte words");

    /// <summary>With the group that the precision has.</summary>
    public RowQuantizer(Precision precision, int columns) : this(precision, columns, precision.ScaleColumns(columns)) { }

    /// <summary>Bytes of a row's elements.</summary>
    public int ElementBytes => checked((int)precision.RowBytes(columns));

    /// <summary>Bytes of a row's scales.</summary>
    public int ScaleBytes => (columns + _group - 1) / _group * precision.ScaleBytes();

    /// <summary>Quantizes a row.</summary>
    /// <param name="row">Its elements.</param>
    /// <param name="elements">Where their bytes go.</param>
    /// <param name="scales">Where the scales go.</param>
    /// <returns>The first element that is NaN or infinite, in which case nothing useful was written; -1 where all are numbers.</returns>
    public int Quantize(ReadOnlySpan<float> row, Span<byte> elements, Span<byte> scales)
    {
        if (NotFinite(row) is >= 0 and var bad)
            return bad;
        elements.Clear();
        var groups = (row.Length + _group - 1) / _group;
        if (precision == Precision.Int8)
            for (var g = 0; g < groups; g++)
                BinaryPrimitives.WriteSingleLittleEndian(scales[(g * sizeof(float))..], Bytes(Group(row, g), MemoryMarshal.Cast<byte, sbyte>(elements)[(g * _group)..]));
        else if (precision == Precision.Fp8)
            for (var g = 0; g < groups; g++)
                BinaryPrimitives.WriteSingleLittleEndian(scales[(g * sizeof(float))..], Floats(Group(row, g), elements[(g * _group)..]));
        else
            for (var g = 0; g < groups; g += _lanes)
                Nibbles(row, g, Math.Min(_lanes, groups - g), elements, scales);
        return -1;
    }

    /// <summary>What a quantized row stands for.</summary>
    public void Dequantize(ReadOnlySpan<byte> elements, ReadOnlySpan<byte> scales, Span<float> row)
    {
        for (var i = 0; i < columns; i++)
            row[i] = precision.IsByte()
                ? (precision == Precision.Int8 ? (sbyte)elements[i] : E4M3.Value(elements[i])) * BinaryPrimitives.ReadSingleLittleEndian(scales[(i / _group * sizeof(float))..])
                : Nibble(elements, i) * BitConverter.UInt32BitsToSingle((uint)BinaryPrimitives.ReadUInt16LittleEndian(scales[(i / _group * sizeof(ushort))..]) << 16);
    }

    /// <summary>Where in its word of 32 bits a column's nibble begins.</summary>
    private static int Bit(int column) => column % WordColumns / 2 * 4 + column % 2 * 16;

    private static int Nibble(ReadOnlySpan<byte> elements, int column) =>
        BinaryPrimitives.ReadInt32LittleEndian(elements[(column / WordColumns * sizeof(uint))..]) << (28 - Bit(column)) >> 28;

    private ReadOnlySpan<float> Group(ReadOnlySpan<float> row, int g) => row.Slice(g * _group, Math.Min(_group, row.Length - g * _group));

    /// <summary>The first element that is NaN or infinite, or -1: nothing times such a number is zero.</summary>
    private static int NotFinite(ReadOnlySpan<float> row)
    {
        var zeros = Vector256<float>.Zero;
        ref var first = ref MemoryMarshal.GetReference(row);
        var i = 0;
        for (; i <= row.Length - Vector256<float>.Count; i += Vector256<float>.Count)
            zeros += Vector256.LoadUnsafe(ref first, (nuint)i) * Vector256<float>.Zero;
        if (!Vector256.EqualsAll(zeros, Vector256<float>.Zero))
            i = 0;
        for (; i < row.Length; i++)
            if (!float.IsFinite(row[i]))
                return i;
        return -1;
    }

    /// <summary>The element that is furthest from zero; the positive one of two.</summary>
    private static float Largest(ReadOnlySpan<float> part)
    {
        Vector256<float> high = Vector256<float>.Zero, low = high;
        ref var first = ref MemoryMarshal.GetReference(part);
        var i = 0;
        for (; i <= part.Length - Vector256<float>.Count; i += Vector256<float>.Count)
        {
            var x = Vector256.LoadUnsafe(ref first, (nuint)i);
            (high, low) = (Vector256.Max(high, x), Vector256.Min(low, x));
        }
        float most = 0, least = 0;
        for (var lane = 0; lane < Vector256<float>.Count; lane++)
            (most, least) = (Math.Max(most, high[lane]), Math.Min(least, low[lane]));
        for (; i < part.Length; i++)
            (most, least) = (Math.Max(most, part[i]), Math.Min(least, part[i]));
        return most >= -least ? most : least;
    }

    /// <summary>The largest element becomes 127; returns the scale. Elements too small for a scale of their own, below 1e-36, become zeros.</summary>
    private static float Bytes(ReadOnlySpan<float> part, Span<sbyte> to)
    {
        var largest = Math.Abs(Largest(part));
        var (scale, inverse) = (largest / MaxByte, MaxByte / largest);
        if (!float.IsFinite(inverse))
            return 0;
        if (!float.IsFinite(scale * MaxByte))
            scale = MathF.BitDecrement(scale);
        for (var i = 0; i < part.Length; i++)
            to[i] = (sbyte)Math.Clamp((int)(part[i] * inverse + Rounder - Rounder), -MaxByte, MaxByte);
        return scale;
    }

    /// <summary>The largest element comes to lie in (224, 448]; returns the scale.</summary>
    private static float Floats(ReadOnlySpan<float> part, Span<byte> to)
    {
        var scale = E4M3.ScaleOf(Math.Abs(Largest(part)));
        if (scale == 0)
            return 0;
        var inverse = 1 / scale;
        for (var i = 0; i < part.Length; i++)
        {
            to[i] = E4M3.Byte(part[i] * inverse);
            if (!float.IsFinite(E4M3.Value(to[i]) * scale))
                to[i]--; // the largest float32 there are lie nearer to 2^128
        }
        return scale;
    }

    /// <summary>
    /// Some groups' nibbles. The factor, and with it the scale by least squares, that leaves the smallest squared error; the nibbles are then those
    /// of the scale as it was rounded.
    /// </summary>
    private void Nibbles(ReadOnlySpan<float> row, int firstGroup, int groups, Span<byte> elements, Span<byte> scales)
    {
        // Element i of every group side by side, over the group's largest. Zeros where there is none change no sum.
        Span<float> unit = stackalloc float[_group * _lanes];
        unit.Clear();
        Span<float> largest = stackalloc float[_lanes];
        for (var lane = 0; lane < groups; lane++)
        {
            var part = Group(row, firstGroup + lane);
            largest[lane] = Largest(part);
            var inverse = 1 / largest[lane];
            if (!float.IsFinite(inverse))
                continue;
            for (var i = 0; i < part.Length; i++)
                unit[i * _lanes + lane] = part[i] * inverse;
        }
        var found = Fit(unit);
        for (var lane = 0; lane < groups; lane++)
        {
            var g = firstGroup + lane;
            BinaryPrimitives.WriteUInt16LittleEndian(scales[(g * sizeof(ushort))..], Write(Group(row, g), found[lane] * largest[lane], elements[(g * _group / 2)..]));
        }
    }

    /// <summary>The best scale of each lane's group.</summary>
    private static Vector256<float> Fit(ReadOnlySpan<float> unit)
    {
        Vector256<float> rounder = Vector256.Create(Rounder), low = Vector256.Create((float)MinNibble), high = Vector256.Create((float)MaxNibble);
        Vector256<float> best = Vector256.Create(-1f), scale = Vector256<float>.Zero;
        ref var first = ref MemoryMarshal.GetReference(unit);
        foreach (var factor in _factors)
        {
            Vector256<float> by = Vector256.Create(factor), product = Vector256<float>.Zero, square = Vector256<float>.Zero;
            for (nuint i = 0; i < (nuint)unit.Length; i += (nuint)Vector256<float>.Count)
            {
                var x = Vector256.LoadUnsafe(ref first, i);
                var q = Vector256.Min(Vector256.Max(x * by + rounder - rounder, low), high);
                product += x * q;
                square += q * q;
            }
            // The squared error is that of the elements less this; of a group of zeros it is no number, and never larger.
            var explained = product * product / square;
            var better = Vector256.GreaterThan(explained, best);
            best = Vector256.ConditionalSelect(better, explained, best);
            scale = Vector256.ConditionalSelect(better, product / square, scale);
        }
        return scale;
    }

    /// <summary>A group's nibbles for a scale; returns the bfloat16 bits of what that is rounded to.</summary>
    private static ushort Write(ReadOnlySpan<float> part, float scale, Span<byte> to)
    {
        Span<ushort> bits = stackalloc ushort[1];
        FloatConversion.RoundToBF16([scale], bits);
        if (!float.IsFinite(MinNibble * BitConverter.UInt32BitsToSingle((uint)bits[0] << 16)))
            bits[0]--; // the next smaller
        var inverse = 1 / BitConverter.UInt32BitsToSingle((uint)bits[0] << 16);
        if (!float.IsFinite(inverse))
            return 0;
        for (var i = 0; i < part.Length; i += WordColumns)
        {
            var word = 0u;
            for (var j = 0; j < Math.Min(WordColumns, part.Length - i); j++)
                word |= (uint)(Math.Clamp((int)(part[i + j] * inverse + Rounder - Rounder), MinNibble, MaxNibble) & 15) << Bit(j);
            BinaryPrimitives.WriteUInt32LittleEndian(to[(i / 2)..], word);
        }
        return bits[0];
    }
}
