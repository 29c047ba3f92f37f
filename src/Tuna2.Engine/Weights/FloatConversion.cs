using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Tuna2.Engine.Weights;

/// <summary>Stored floats to float32.</summary>
internal static class FloatConversion
{
    /// <summary>Whether a stored type can be read as float32.</summary>
    public static bool IsFloat(DType dtype) => dtype is DType.F32 or DType.BF16 or DType.F16 or DType.F64;

    /// <summary>Rounds to bfloat16, nearest, ties to even; NaN stays NaN.</summary>
    public static void RoundToBF16(ReadOnlySpan<float> source, Span<ushort> target)
    {
        for (var i = 0; i < source.Length; i++)
        {
            var bits = BitConverter.SingleToUInt32Bits(source[i]);
            target[i] = float.IsNaN(source[i]) ? (ushort)0x7fff : (ushort)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
        }
    }

    /// <summary>Converts little-endian elements; F64 is rounded, the others are exact.</summary>
    public static void Widen(DType dtype, ReadOnlySpan<byte> source, Span<float> target)
    {
        if (dtype == DType.BF16 && BitConverter.IsLittleEndian)
        {
            var halves = MemoryMarshal.Cast<byte, ushort>(source);
            for (var i = 0; i < target.Length; i++)
                target[i] = BitConverter.UInt32BitsToSingle((uint)halves[i] << 16);
            return;
        }
        var size = dtype.Size();
        for (var i = 0; i < target.Length; i++)
        {
            var element = source.Slice(i * size, size);
            target[i] = dtype switch
            {
                DType.BF16 => BitConverter.UInt32BitsToSingle((uint)BinaryPrimitives.ReadUInt16LittleEndian(element) << 16),
                DType.F16 => (float)BinaryPrimitives.ReadHalfLittleEndian(element),
                DType.F64 => (float)BinaryPrimitives.ReadDoubleLittleEndian(element),
                _ => BinaryPrimitives.ReadSingleLittleEndian(element),
            };
        }
    }
}
