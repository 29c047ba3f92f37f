using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Tuna2.Engine.Weights;

/// <summary>
/// The eight-bit float with four bits of exponent (bias 7) and three of mantissa, no infinities, NaN where all seven bits are ones (OCP FP8
/// specification): 448 at most, steps of 2^-9 below 2^-6. Rows are brought into its range by a power of two of their own, so that scaling
/// rounds nothing and what a byte and its scale stand for is a number of bfloat16 too.
/// </summary>
internal static class E4M3
{
    /// <summary>The largest number.</summary>
    public const float Max = 448;

    /// <summary>Below it the steps no longer shrink.</summary>
    private const float LeastNormal = 1f / 64;

    /// <summary>1.5 x 2^14: where float32's own steps are 2^-9, so that adding it rounds to them.</summary>
    private const float Rounder = 24576;

    /// <summary>Rows whose largest element is smaller become zeros: far below what any sum would notice.</summary>
    private const int LeastExponent = -100;

    /// <summary>The power of two that brings a row's largest element into (224, 448]; 0 for rows of zeros, and of next to nothing.</summary>
    public static float ScaleOf(float largest)
    {
        var bits = BitConverter.SingleToInt32Bits(largest);
        var exponent = (bits >> 23 & 0xFF) - 127;
        if (exponent < LeastExponent)
            return 0;
        // 448 is 1.75 x 2^8.
        return BitConverter.Int32BitsToSingle(exponent - ((bits & 0x7FFFFF) > 0x600000 ? 7 : 8) + 127 << 23);
    }

    /// <summary>The byte of the nearest number, ties to even; of magnitudes up to <see cref="Max"/>.</summary>
    public static byte Byte(float x)
    {
        var bits = BitConverter.SingleToUInt32Bits(Nearest(x));
        var sign = bits >> 24 & 0x80;
        // 2^-120 brings the exponent to where float32's bits are this format's, subnormals included.
        return (byte)(sign | BitConverter.SingleToUInt32Bits(BitConverter.UInt32BitsToSingle(bits & 0x7FFFFFFF) * 7.52316385e-37f) >> 20);
    }

    /// <summary>What a byte stands for.</summary>
    public static float Value(byte x) =>
        (x & 0x7F) == 0x7F ? float.NaN : BitConverter.UInt32BitsToSingle((uint)(x & 0x80) << 24 | (uint)(x & 0x7F) << 20) * 1.32922800e36f;

    /// <summary>The nearest number, ties to even; NaN stays.</summary>
    public static float Nearest(float x)
    {
        if (Math.Abs(x) < LeastNormal)
            return x + Rounder - Rounder;
        var bits = BitConverter.SingleToUInt32Bits(x);
        return float.IsNaN(x) ? x : BitConverter.UInt32BitsToSingle(bits + 0x7FFFF + (bits >> 20 & 1) & 0xFFF00000);
    }

    /// <summary>
    /// A row's elements as the nearest of its scale: what a product in this format reads in place of them. A row with an infinity is left
    /// as it is.
    /// </summary>
    /// <param name="row">The row.</param>
    /// <param name="to">Where they go; may be the row.</param>
    public static void Round(ReadOnlySpan<float> row, Span<float> to)
    {
        var largest = 0f;
        foreach (var x in row)
            largest = MathF.Max(largest, float.IsNaN(x) ? 0 : MathF.Abs(x));
        if (float.IsInfinity(largest))
        {
            row.CopyTo(to);
            return;
        }
        var scale = ScaleOf(largest);
        var inverse = scale == 0 ? 0 : 1 / scale;
        var i = 0;
        ref var from = ref MemoryMarshal.GetReference(row);
        ref var first = ref MemoryMarshal.GetReference(to);
        for (; i <= row.Length - Vector256<float>.Count; i += Vector256<float>.Count)
            (Nearest(Vector256.LoadUnsafe(ref from, (nuint)i) * Vector256.Create(inverse)) * Vector256.Create(scale)).StoreUnsafe(ref first, (nuint)i);
        for (; i < row.Length; i++)
            to[i] = Nearest(row[i] * inverse) * scale;
    }

    private static Vector256<float> Nearest(Vector256<float> x)
    {
        var bits = x.AsUInt32();
        var rounded = (bits + Vector256.Create(0x7FFFFu) + (bits >> 20 & Vector256.Create(1u)) & Vector256.Create(0xFFF00000u)).AsSingle();
        var near = Vector256.ConditionalSelect(Vector256.LessThan(Vector256.Abs(x), Vector256.Create(LeastNormal)), x + Vector256.Create(Rounder) - Vector256.Create(Rounder), rounded);
        return Vector256.ConditionalSelect(Vector256.Equals(x, x), near, x);
    }
}
