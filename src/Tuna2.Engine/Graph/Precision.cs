namespace Tuna2.Engine.Graph;

/// <summary>How a weight's elements are stored.</summary>
public enum Precision
{
    /// <summary>bfloat16: the upper half of a float32.</summary>
    BF16,

    /// <summary>float32.</summary>
    F32,

    /// <summary>A signed byte, times the row's float32 scale. A row is whole 16-byte words, the last filled up with zeros.</summary>
    Int8,

    /// <summary>
    /// A signed nibble, times the bfloat16 scale of its <see cref="Precisions.Int4Group"/> columns. Eight columns are a little-endian word of
    /// 32 bits: column 2i at bit 4i, column 2i + 1 at bit 16 + 4i, so that a shift and a mask bring two neighbours into the halves of a
    /// register. A row is whole 16-byte words, the last filled up with zeros.
    /// </summary>
    Int4,

    /// <summary>
    /// An eight-bit float (E4M3), times the row's float32 scale, a power of two. A row is whole 16-byte words, the last filled up with zeros.
    /// Products of more than <see cref="Ops.MatMul.FewRows"/> rows round their input's rows to the same, so that a tensor core of eight-bit floats
    /// can compute them.
    /// </summary>
    Fp8,
}

/// <summary>What is to be known of a <see cref="Precision"/>: the one place that says what a row takes.</summary>
public static class Precisions
{
    /// <summary>Columns of an Int4 weight that share a scale: measured, bench/NOTES.md.</summary>
    public const int Int4Group = 32;

    /// <summary>Quantized rows begin at multiples of this, so that a kernel reads them in the widest words there are.</summary>
    private const int RowAlignment = 16;

    /// <summary>Whether elements are to be multiplied by scales.</summary>
    public static bool IsQuantized(this Precision precision) => precision is Precision.Int8 or Precision.Int4 or Precision.Fp8;

    /// <summary>Whether an element is a byte, and a scale a row's.</summary>
    public static bool IsByte(this Precision precision) => precision is Precision.Int8 or Precision.Fp8;

    /// <summary>Bytes of a row's elements.</summary>
    public static long RowBytes(this Precision precision, int columns) => precision switch
    {
        Precision.F32 => (long)columns * sizeof(float),
        Precision.BF16 => (long)columns * sizeof(ushort),
        Precision.Int8 or Precision.Fp8 => Aligned(columns),
        _ => Aligned(((long)columns + 1) / 2),
    };

    /// <summary>Columns that share a scale; none where there are no scales.</summary>
    public static int ScaleColumns(this Precision precision, int columns) => precision switch
    {
        Precision.Int8 or Precision.Fp8 => columns,
        Precision.Int4 => Int4Group,
        _ => 0,
    };

    /// <summary>Bytes of a scale; 0 where there are none.</summary>
    public static int ScaleBytes(this Precision precision) => precision switch
    {
        Precision.Int8 or Precision.Fp8 => sizeof(float),
        Precision.Int4 => sizeof(ushort),
        _ => 0,
    };

    /// <summary>How the name of a kernel's instance ends that reads such weights: "_int8"; nothing where they are not quantized.</summary>
    public static string Suffix(this Precision? quantized) => quantized switch
    {
        null => "",
        Precision.Int8 => "_int8",
        Precision.Int4 => "_int4",
        Precision.Fp8 => "_fp8",
        _ => throw new ArgumentOutOfRangeException(nameof(quantized), quantized, "not quantized"),
    };

    private static long Aligned(long bytes) => (bytes + RowAlignment - 1) / RowAlignment * RowAlignment;
}
