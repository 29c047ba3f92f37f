using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Cpu;

/// <summary>Turns rows into columns: the layout <see cref="CpuTile"/> reads its right side in.</summary>
internal static unsafe class CpuPanel
{
    /// <summary>Side of the blocks that are transposed in registers.</summary>
    private const int Side = 8;

    /// <summary>
    /// panel[i][j] = matrix[row + j][k0 + i] for j below <paramref name="count"/>, zero up to the tile's width.
    /// </summary>
    /// <param name="matrix">First byte of the weight.</param>
    /// <param name="precision">Its elements.</param>
    /// <param name="width">Elements of one of its rows.</param>
    /// <param name="row">First row to take.</param>
    /// <param name="count">Rows to take, at most two vectors.</param>
    /// <param name="k0">First element of each row.</param>
    /// <param name="depth">Elements of each row.</param>
    /// <param name="panel">depth x two vectors.</param>
    public static void Pack<S, V>(byte* matrix, Precision precision, int width, int row, int count, int k0, int depth, float* panel)
        where S : ISimd<V> where V : struct
    {
        int tile = 2 * S.Width, size = precision == Precision.BF16 ? sizeof(ushort) : sizeof(float);
        var source = matrix + ((long)row * width + k0) * size;
        var stride = (nint)width * size;
        var i = 0;
        if (Avx.IsSupported && tile % Side == 0 && S.Width >= Side)
            for (; i <= depth - Side; i += Side)
                for (var j = 0; j < tile; j += Side)
                    Transpose(source + j * stride + i * size, stride, count - j, precision, panel + (long)i * tile + j, tile);
        for (var j = 0; j < tile; j++)
            for (var k = i; k < depth; k++)
                panel[(long)k * tile + j] = j < count ? Element(source + j * stride, k, precision) : 0;
    }

    private static float Element(byte* row, int i, Precision precision) =>
        precision == Precision.BF16 ? ScalarSimd.LoadBF16((ushort*)row + i) : ((float*)row)[i];

    /// <summary>8 elements of 8 rows to 8 rows of 8 columns; rows from <paramref name="count"/> on are zero, and not read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose(byte* source, nint stride, int count, Precision precision, float* to, nint tile)
    {
        // Rows 0 to 7, then pairs of rows interleaved, then fours: each half of a register holds a column of four.
        Vector256<float> r0 = Row(0), r1 = Row(1), r2 = Row(2), r3 = Row(3), r4 = Row(4), r5 = Row(5), r6 = Row(6), r7 = Row(7);
        Vector256<float> low01 = Avx.UnpackLow(r0, r1), high01 = Avx.UnpackHigh(r0, r1), low23 = Avx.UnpackLow(r2, r3), high23 = Avx.UnpackHigh(r2, r3);
        Vector256<float> low45 = Avx.UnpackLow(r4, r5), high45 = Avx.UnpackHigh(r4, r5), low67 = Avx.UnpackLow(r6, r7), high67 = Avx.UnpackHigh(r6, r7);
        Put(0, Avx.Shuffle(low01, low23, 0x44), Avx.Shuffle(low45, low67, 0x44));
        Put(1, Avx.Shuffle(low01, low23, 0xEE), Avx.Shuffle(low45, low67, 0xEE));
        Put(2, Avx.Shuffle(high01, high23, 0x44), Avx.Shuffle(high45, high67, 0x44));
        Put(3, Avx.Shuffle(high01, high23, 0xEE), Avx.Shuffle(high45, high67, 0xEE));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        Vector256<float> Row(int j) =>
            j >= count ? default : precision == Precision.BF16 ? Simd256.LoadBF16((ushort*)(source + j * stride)) : Simd256.Load((float*)(source + j * stride));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Put(int i, Vector256<float> top, Vector256<float> bottom)
        {
            Avx.Permute2x128(top, bottom, 0x20).Store(to + i * tile);
            Avx.Permute2x128(top, bottom, 0x31).Store(to + (i + Side / 2) * tile);
        }
    }
}
