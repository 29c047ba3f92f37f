using System.Buffers.Binary;
using System.Runtime.CompilerServices;
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
    private static readonly float[] _factors = [.. Enumerable.Range(-8, 17).Select(i => MinNibble - i * 0.125f)];

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
        for (var i = 0; i < row.Length; i++)
            if (!float.IsFinite(row[i]))
                return i;
        elements.Clear();
        for (int first = 0, s = 0; first < row.Length; first += _group, s++)
        {
            var part = row.Slice(first, Math.Min(_group, row.Length - first));
            if (precision == Precision.Int8)
                BinaryPrimitives.WriteSingleLittleEndian(scales[(s * sizeof(float))..], Bytes(part, MemoryMarshal.Cast<byte, sbyte>(elements)[first..]));
            else if (precision == Precision.Fp8)
                BinaryPrimitives.WriteSingleLittleEndian(scales[(s * sizeof(float))..], Floats(part, elements[first..]));
            else
                BinaryPrimitives.WriteUInt16LittleEndian(scales[(s * sizeof(ushort))..], Nibbles(part, elements[(first / 2)..]));
        }
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

    private static float Largest(ReadOnlySpan<float> part)
    {
        var largest = 0f;
        foreach (var x in part)
            if (Math.Abs(x) > Math.Abs(largest))
                largest = x;
        return largest;
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
            to[i] = (sbyte)Rounded(part[i] * inverse, -MaxByte, MaxByte);
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
            to[i] = E4M3.Byte(part[i] * inverse);
        return scale;
    }

    /// <summary>
    /// The factor, and with it the scale by least squares, that leaves the smallest squared error; returns the scale's bfloat16 bits. The
    /// nibbles are then those of the scale as it was rounded.
    /// </summary>
    [SkipLocalsInit]
    private static ushort Nibbles(ReadOnlySpan<float> part, Span<byte> to)
    {
        var largest = Largest(part);
        if (!float.IsFinite(1 / largest))
            return 0;
        // Zeros behind a ragged end change no sum.
        var count = (part.Length + WordColumns - 1) / WordColumns * WordColumns;
        Span<float> unit = stackalloc float[count];
        unit.Clear();
        for (var i = 0; i < part.Length; i++)
            unit[i] = part[i] / largest;

        float best = -1, unitScale = 0;
        foreach (var factor in _factors)
        {
            var (product, square) = Fit(unit, factor);
            // The squared error is that of the elements less this.
            if (product * product / square is var explained && explained > best)
                (best, unitScale) = (explained, product / square);
        }
        Span<ushort> bits = stackalloc ushort[1];
        FloatConversion.RoundToBF16([unitScale * largest], bits);
        if (!float.IsFinite(MinNibble * BitConverter.UInt32BitsToSingle((uint)bits[0] << 16)))
            bits[0]--; // the next smaller
        var inverse = 1 / BitConverter.UInt32BitsToSingle((uint)bits[0] << 16);
        if (!float.IsFinite(inverse))
            return 0;
        for (var i = 0; i < part.Length; i += WordColumns)
        {
            var word = 0u;
            for (var j = 0; j < Math.Min(WordColumns, part.Length - i); j++)
                word |= (uint)(Rounded(part[i + j] * inverse, MinNibble, MaxNibble) & 15) << Bit(j);
            BinaryPrimitives.WriteUInt32LittleEndian(to[(i / 2)..], word);
        }
        return bits[0];
    }

    /// <summary>Sums of x q and q q, where q is x by a factor, rounded and clipped: in eight lanes, which are then added in one order.</summary>
    private static (float Product, float Square) Fit(ReadOnlySpan<float> unit, float factor)
    {
        Vector256<float> rounder = Vector256.Create(Rounder), by = Vector256.Create(factor), low = Vector256.Create((float)MinNibble), high = Vector256.Create((float)MaxNibble);
        Vector256<float> product = Vector256<float>.Zero, square = Vector256<float>.Zero;
        ref var first = ref MemoryMarshal.GetReference(unit);
        for (nuint i = 0; i < (nuint)unit.Length; i += WordColumns)
        {
            var x = Vector256.LoadUnsafe(ref first, i);
            var q = Vector256.Min(Vector256.Max(x * by + rounder - rounder, low), high);
            product += x * q;
            square += q * q;
        }
        return (Sum(product), Sum(square));
    }

    private static float Sum(Vector256<float> lanes)
    {
        var four = lanes.GetLower() + lanes.GetUpper();
        return four[0] + four[2] + (four[1] + four[3]);
    }

    private static int Rounded(float x, int least, int most) => Math.Clamp((int)(x + Rounder - Rounder), least, most);
}
