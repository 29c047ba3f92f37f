using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Cpu;

/// <summary>Rows turned into columns: the layouts <see cref="CpuTile"/> reads its two sides in.</summary>
internal static unsafe class CpuPanel
{
    private const int CacheLine = 64;

    /// <summary>
    /// The right side: panel[i][j] = matrix[row + j][k0 + i] for j below <paramref name="count"/>; from there up to the tile's
    /// width, columns repeat the last.
    /// </summary>
    /// <param name="matrix">First byte of the weight.</param>
    /// <param name="precision">Its elements.</param>
    /// <param name="width">Elements of one of its rows.</param>
    /// <param name="row">First row to take.</param>
    /// <param name="count">Rows to take, at most two vectors.</param>
    /// <param name="k0">First element of each row.</param>
    /// <param name="depth">Elements of each row.</param>
    /// <param name="panel">depth x two vectors.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack<S, V>(byte* matrix, Precision precision, int width, int row, int count, int k0, int depth, float* panel)
        where S : ISimd<V> where V : struct
    {
        int tile = 2 * S.Width, size = precision == Precision.BF16 ? sizeof(ushort) : sizeof(float);
        var source = matrix + ((long)row * width + k0) * size;
        var stride = (nint)width * size;
        // Blocks that are transposed in registers: a register's worth of 32-bit lanes of as many rows, a lane being a float32
        // or two neighbouring bfloat16.
        var lanes = Avx2.IsSupported && S.Width >= 8 ? 8 : S.Width >= 4 ? 4 : 1;
        var step = precision == Precision.BF16 ? 2 * lanes : lanes;
        var done = lanes == 1 ? 0 : depth / step * step;
        for (var j = 0; j < tile && done > 0; j += lanes)
        {
            var to = panel + j;
            if (lanes == 8)
            {
                byte* r0 = At(j), r1 = At(j + 1), r2 = At(j + 2), r3 = At(j + 3), r4 = At(j + 4), r5 = At(j + 5), r6 = At(j + 6), r7 = At(j + 7);
                if (precision == Precision.BF16)
                    for (nint i = 0; i < done; i += 16)
                        Transpose8<PairLanes>(r0 + 2 * i, r1 + 2 * i, r2 + 2 * i, r3 + 2 * i, r4 + 2 * i, r5 + 2 * i, r6 + 2 * i, r7 + 2 * i, to + i * tile, tile);
                else
                    for (nint i = 0; i < done; i += 8)
                        Transpose8<SingleLanes>(r0 + 4 * i, r1 + 4 * i, r2 + 4 * i, r3 + 4 * i, r4 + 4 * i, r5 + 4 * i, r6 + 4 * i, r7 + 4 * i, to + i * tile, tile);
            }
            else
            {
                byte* r0 = At(j), r1 = At(j + 1), r2 = At(j + 2), r3 = At(j + 3);
                if (precision == Precision.BF16)
                    for (nint i = 0; i < done; i += 8)
                        Transpose4<PairLanes>(r0 + 2 * i, r1 + 2 * i, r2 + 2 * i, r3 + 2 * i, to + i * tile, tile);
                else
                    for (nint i = 0; i < done; i += 4)
                        Transpose4<SingleLanes>(r0 + 4 * i, r1 + 4 * i, r2 + 4 * i, r3 + 4 * i, to + i * tile, tile);
            }
        }
        for (var j = 0; j < tile && done < depth; j++)
        {
            var from = At(j);
            for (var i = done; i < depth; i++)
                panel[(long)i * tile + j] = precision == Precision.BF16 ? ScalarSimd.LoadBF16((ushort*)from + i) : ((float*)from)[i];
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        byte* At(int j) => source + Math.Min(j, count - 1) * stride;
    }

    /// <summary>
    /// The left side: element i of row j of a tile of rows is tile[i * rows + j], so that a tile is one stream however far apart its
    /// rows were, and rows whose distance is a power of two do not evict each other from the cache.
    /// </summary>
    /// <param name="from">Element 0 of each row.</param>
    /// <param name="rows">Rows, at most <see cref="CpuTile.MaxRows"/>.</param>
    /// <param name="depth">Elements of a row.</param>
    /// <param name="tile">depth x rows.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackTile(float** from, int rows, int depth, float* tile)
    {
        nint i = 0;
        if (rows == CpuTile.MaxRows)
        {
            float* r0 = from[0], r1 = from[1], r2 = from[2], r3 = from[3], r4 = from[4], r5 = from[5];
            for (; i <= depth - 4; i += 4, tile += 4 * CpuTile.MaxRows)
            {
                Vector128<float> a = Vector128.Load(r0 + i), b = Vector128.Load(r1 + i), c = Vector128.Load(r2 + i), d = Vector128.Load(r3 + i), e = Vector128.Load(r4 + i), f = Vector128.Load(r5 + i);
                Vector128<float> ab = ZipLow(a, b), cd = ZipLow(c, d), ef = ZipLow(e, f), ab2 = ZipHigh(a, b), cd2 = ZipHigh(c, d), ef2 = ZipHigh(e, f);
                Vector128.Create(ab.GetLower(), cd.GetLower()).Store(tile);
                ef.GetLower().Store(tile + 4);
                Vector128.Create(ab.GetUpper(), cd.GetUpper()).Store(tile + 6);
                ef.GetUpper().Store(tile + 10);
                Vector128.Create(ab2.GetLower(), cd2.GetLower()).Store(tile + 12);
                ef2.GetLower().Store(tile + 16);
                Vector128.Create(ab2.GetUpper(), cd2.GetUpper()).Store(tile + 18);
                ef2.GetUpper().Store(tile + 22);
            }
        }
        for (; i < depth; i++)
            for (var j = 0; j < rows; j++)
                *tile++ = from[j][i];
    }

    /// <summary>
    /// Asks for what a <see cref="Pack"/> will read, into the second-level cache. The rows of a panel are
    /// many short pieces far apart, which the processor's own prefetching does not see coming.
    /// </summary>
    /// <param name="from">The first byte of the first row.</param>
    /// <param name="stride">Bytes from a row to the next.</param>
    /// <param name="count">Rows.</param>
    /// <param name="bytes">Bytes of each.</param>
    public static void Prefetch(byte* from, nint stride, int count, nint bytes)
    {
        if (!Sse.IsSupported)
            return;
        for (; count > 0; count--, from += stride)
            for (nint i = 0; i < bytes; i += CacheLine)
                Sse.Prefetch1(from + i);
    }

    /// <summary>Asks for a cache line that will be read soon; the address may lie beyond what may be read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(void* address)
    {
        if (Sse.IsSupported)
            Sse.Prefetch1(address);
    }

    /// <summary>What a 32-bit lane of the source holds.</summary>
    private interface ILanes
    {
        static abstract bool Pairs { get; }
    }

    private readonly struct SingleLanes : ILanes { public static bool Pairs => false; }
    private readonly struct PairLanes : ILanes { public static bool Pairs => true; }

    /// <summary>8 lanes of 8 rows to 8 rows of 8 columns, or to 16 where a lane holds two elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose8<L>(byte* r0, byte* r1, byte* r2, byte* r3, byte* r4, byte* r5, byte* r6, byte* r7, float* to, nint tile) where L : ILanes
    {
        // Rows 0 to 3 in the lower halves and 4 to 7 in the upper, so that four lanes of all rows need no exchange of halves.
        Four<L>(r0, r1, r2, r3, r4, r5, r6, r7, to, tile);
        Four<L>(r0 + 16, r1 + 16, r2 + 16, r3 + 16, r4 + 16, r5 + 16, r6 + 16, r7 + 16, to + (L.Pairs ? 8 : 4) * tile, tile);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Four<L>(byte* r0, byte* r1, byte* r2, byte* r3, byte* r4, byte* r5, byte* r6, byte* r7, float* to, nint tile) where L : ILanes
    {
        Vector256<float> a = Halves(r0, r4), b = Halves(r1, r5), c = Halves(r2, r6), d = Halves(r3, r7);
        Vector256<float> ab = Avx.UnpackLow(a, b), cd = Avx.UnpackLow(c, d), ab2 = Avx.UnpackHigh(a, b), cd2 = Avx.UnpackHigh(c, d);
        Put<L>(Avx.Shuffle(ab, cd, 0x44), to, tile);
        Put<L>(Avx.Shuffle(ab, cd, 0xEE), to + (L.Pairs ? 2 : 1) * tile, tile);
        Put<L>(Avx.Shuffle(ab2, cd2, 0x44), to + (L.Pairs ? 4 : 2) * tile, tile);
        Put<L>(Avx.Shuffle(ab2, cd2, 0xEE), to + (L.Pairs ? 6 : 3) * tile, tile);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Halves(byte* low, byte* high) =>
        Avx.InsertVector128(Vector128.Load((float*)low).ToVector256Unsafe(), Vector128.Load((float*)high), 1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put<L>(Vector256<float> column, float* to, nint tile) where L : ILanes
    {
        if (L.Pairs)
        {
            // The first of two bfloat16 is the lower half of a lane.
            (column.AsUInt32() << 16).AsSingle().Store(to);
            (column.AsUInt32() & Vector256.Create(0xFFFF0000)).AsSingle().Store(to + tile);
        }
        else
        {
            column.Store(to);
        }
    }

    /// <summary>4 lanes of 4 rows to 4 rows of 4 columns, or to 8 where a lane holds two elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose4<L>(byte* r0, byte* r1, byte* r2, byte* r3, float* to, nint tile) where L : ILanes
    {
        Vector128<float> a = Vector128.Load((float*)r0), b = Vector128.Load((float*)r1), c = Vector128.Load((float*)r2), d = Vector128.Load((float*)r3);
        Vector128<float> ab = ZipLow(a, b), cd = ZipLow(c, d), ab2 = ZipHigh(a, b), cd2 = ZipHigh(c, d);
        Put<L>(Vector128.Create(ab.GetLower(), cd.GetLower()), to, tile);
        Put<L>(Vector128.Create(ab.GetUpper(), cd.GetUpper()), to + (L.Pairs ? 2 : 1) * tile, tile);
        Put<L>(Vector128.Create(ab2.GetLower(), cd2.GetLower()), to + (L.Pairs ? 4 : 2) * tile, tile);
        Put<L>(Vector128.Create(ab2.GetUpper(), cd2.GetUpper()), to + (L.Pairs ? 6 : 3) * tile, tile);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put<L>(Vector128<float> column, float* to, nint tile) where L : ILanes
    {
        if (L.Pairs)
        {
            (column.AsUInt32() << 16).AsSingle().Store(to);
            (column.AsUInt32() & Vector128.Create(0xFFFF0000)).AsSingle().Store(to + tile);
        }
        else
        {
            column.Store(to);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> ZipLow(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackLow(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(a, b)
        : Vector128.Create(a[0], b[0], a[1], b[1]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> ZipHigh(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackHigh(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(a, b)
        : Vector128.Create(a[2], b[2], a[3], b[3]);
}
