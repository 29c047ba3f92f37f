using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Cpu;

/// <summary>Rows turned into columns: the layouts <see cref="CpuTile"/> reads its two sides in.</summary>
internal static unsafe class CpuPanel
{
    /// <summary>Elements of a row that have one scale, at least.</summary>
    public const int ScaledK = 32;

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
    public static void Pack<S, V>(byte* matrix, Precision precision, int width, int row, int count, int k0, int depth, float* panel)
        where S : ISimd<V> where V : struct
    {
        var stride = (nint)precision.RowBytes(width);
        PackRows<S, V>(matrix + row * stride + (nint)precision.RowBytes(k0), stride, precision, count, depth, null, 0, panel);
    }

    /// <summary>As above, of rows that may be quantized.</summary>
    /// <param name="source">The first element of the first row.</param>
    /// <param name="stride">Bytes from a row to the next.</param>
    /// <param name="precision">Their elements.</param>
    /// <param name="count">Rows to take, at most two vectors.</param>
    /// <param name="depth">Elements of each row.</param>
    /// <param name="scales">A scale for each column of the panel, then those for the next <see cref="ScaledK"/> elements; null where there are none.</param>
    /// <param name="scaleStep">From the scales of some elements to the next; 0 where they are the same.</param>
    /// <param name="panel">depth x two vectors.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackRows<S, V>(byte* source, nint stride, Precision precision, int count, int depth, float* scales, int scaleStep, float* panel)
        where S : ISimd<V> where V : struct
    {
        int tile = 2 * S.Width;
        // Blocks that are transposed in registers: a register's worth of 32-bit lanes of as many rows, a lane being a float32, two
        // neighbouring bfloat16, four bytes or eight nibbles.
        var lanes = Avx2.IsSupported && S.Width >= 8 ? 8 : S.Width >= 4 ? 4 : 1;
        var step = 4 * precision switch { Precision.F32 => 1, Precision.BF16 => 2, Precision.Int8 => 4, _ => 8 };
        var done = lanes == 1 ? 0 : depth / step * step;
        for (var j = 0; j < tile && done > 0; j += lanes)
        {
            var (to, scale) = ((nint)(panel + j), (nint)(scales + j));
            if (lanes == 8)
            {
                byte* r0 = At(j), r1 = At(j + 1), r2 = At(j + 2), r3 = At(j + 3), r4 = At(j + 4), r5 = At(j + 5), r6 = At(j + 6), r7 = At(j + 7);
                switch (precision)
                {
                    case Precision.BF16: Rows8<PairLanes>(r0, r1, r2, r3, r4, r5, r6, r7, done, (float*)to, tile, null, 0); break;
                    case Precision.F32: Rows8<SingleLanes>(r0, r1, r2, r3, r4, r5, r6, r7, done, (float*)to, tile, null, 0); break;
                    case Precision.Int8: Rows8<ByteLanes>(r0, r1, r2, r3, r4, r5, r6, r7, done, (float*)to, tile, (float*)scale, scaleStep); break;
                    default: Rows8<NibbleLanes>(r0, r1, r2, r3, r4, r5, r6, r7, done, (float*)to, tile, (float*)scale, scaleStep); break;
                }
            }
            else
            {
                byte* r0 = At(j), r1 = At(j + 1), r2 = At(j + 2), r3 = At(j + 3);
                switch (precision)
                {
                    case Precision.BF16: Rows4<PairLanes>(r0, r1, r2, r3, done, (float*)to, tile, null, 0); break;
                    case Precision.F32: Rows4<SingleLanes>(r0, r1, r2, r3, done, (float*)to, tile, null, 0); break;
                    case Precision.Int8: Rows4<ByteLanes>(r0, r1, r2, r3, done, (float*)to, tile, (float*)scale, scaleStep); break;
                    default: Rows4<NibbleLanes>(r0, r1, r2, r3, done, (float*)to, tile, (float*)scale, scaleStep); break;
                }
            }
        }
        for (var j = 0; j < tile && done < depth; j++)
        {
            var from = At(j);
            for (var i = done; i < depth; i++)
                panel[(long)i * tile + j] = precision switch
                {
                    Precision.BF16 => ScalarSimd.LoadBF16((ushort*)from + i),
                    Precision.F32 => ((float*)from)[i],
                    Precision.Int8 => ((sbyte*)from)[i] * scales[i / ScaledK * scaleStep + j],
                    _ => ScalarSimd.LoadInt4(from, i) * scales[i / ScaledK * scaleStep + j],
                };
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

    /// <summary>What a 32-bit lane of the source holds: so many elements, each to be brought to the top and back.</summary>
    private interface ILanes
    {
        static abstract int Count { get; }
    }

    private readonly struct SingleLanes : ILanes { public static int Count => 1; }
    private readonly struct PairLanes : ILanes { public static int Count => 2; }
    private readonly struct ByteLanes : ILanes { public static int Count => 4; }
    private readonly struct NibbleLanes : ILanes { public static int Count => 8; }

    /// <summary>Elements of eight rows, 16 bytes of each at a time, to as many rows of eight columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Rows8<L>(
        byte* r0, byte* r1, byte* r2, byte* r3, byte* r4, byte* r5, byte* r6, byte* r7, int depth, float* to, nint tile, float* scales, int scaleStep) where L : ILanes
    {
        // Rows 0 to 3 in the lower halves and 4 to 7 in the upper, so that four lanes of all rows need no exchange of halves.
        for (nint i = 0, at = 0; i < depth; i += 4 * L.Count, at += 16)
            Four<L>(r0 + at, r1 + at, r2 + at, r3 + at, r4 + at, r5 + at, r6 + at, r7 + at, to + i * tile, tile, scales + i / ScaledK * scaleStep);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Four<L>(byte* r0, byte* r1, byte* r2, byte* r3, byte* r4, byte* r5, byte* r6, byte* r7, float* to, nint tile, float* scales) where L : ILanes
    {
        Vector256<float> a = Halves(r0, r4), b = Halves(r1, r5), c = Halves(r2, r6), d = Halves(r3, r7);
        Vector256<float> ab = Avx.UnpackLow(a, b), cd = Avx.UnpackLow(c, d), ab2 = Avx.UnpackHigh(a, b), cd2 = Avx.UnpackHigh(c, d);
        var scale = L.Count >= 4 ? Vector256.Load(scales) : default;
        Put<L>(Avx.Shuffle(ab, cd, 0x44), to, tile, scale);
        Put<L>(Avx.Shuffle(ab, cd, 0xEE), to + L.Count * tile, tile, scale);
        Put<L>(Avx.Shuffle(ab2, cd2, 0x44), to + 2 * L.Count * tile, tile, scale);
        Put<L>(Avx.Shuffle(ab2, cd2, 0xEE), to + 3 * L.Count * tile, tile, scale);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Halves(byte* low, byte* high) =>
        Avx.InsertVector128(Vector128.Load((float*)low).ToVector256Unsafe(), Vector128.Load((float*)high), 1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put<L>(Vector256<float> column, float* to, nint tile, Vector256<float> scale) where L : ILanes
    {
        var words = column.AsInt32();
        switch (L.Count)
        {
            case 1:
                column.Store(to);
                break;
            case 2:
                // The first of two bfloat16 is the lower half of a lane.
                (words << 16).AsSingle().Store(to);
                (words & Vector256.Create(unchecked((int)0xFFFF0000))).AsSingle().Store(to + tile);
                break;
            case 4:
                (Vector256.ConvertToSingle(words << 24 >> 24) * scale).Store(to);
                (Vector256.ConvertToSingle(words << 16 >> 24) * scale).Store(to + tile);
                (Vector256.ConvertToSingle(words << 8 >> 24) * scale).Store(to + 2 * tile);
                (Vector256.ConvertToSingle(words >> 24) * scale).Store(to + 3 * tile);
                break;
            default:
                // Two neighbours sixteen bits apart: see Precision.Int4.
                (Vector256.ConvertToSingle(words << 28 >> 28) * scale).Store(to);
                (Vector256.ConvertToSingle(words << 12 >> 28) * scale).Store(to + tile);
                (Vector256.ConvertToSingle(words << 24 >> 28) * scale).Store(to + 2 * tile);
                (Vector256.ConvertToSingle(words << 8 >> 28) * scale).Store(to + 3 * tile);
                (Vector256.ConvertToSingle(words << 20 >> 28) * scale).Store(to + 4 * tile);
                (Vector256.ConvertToSingle(words << 4 >> 28) * scale).Store(to + 5 * tile);
                (Vector256.ConvertToSingle(words << 16 >> 28) * scale).Store(to + 6 * tile);
                (Vector256.ConvertToSingle(words >> 28) * scale).Store(to + 7 * tile);
                break;
        }
    }

    /// <summary>Elements of four rows, 16 bytes of each at a time, to as many rows of four columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Rows4<L>(byte* r0, byte* r1, byte* r2, byte* r3, int depth, float* to, nint tile, float* scales, int scaleStep) where L : ILanes
    {
        for (nint i = 0, at = 0; i < depth; i += 4 * L.Count, at += 16)
            Transpose4<L>(r0 + at, r1 + at, r2 + at, r3 + at, to + i * tile, tile, scales + i / ScaledK * scaleStep);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose4<L>(byte* r0, byte* r1, byte* r2, byte* r3, float* to, nint tile, float* scales) where L : ILanes
    {
        Vector128<float> a = Vector128.Load((float*)r0), b = Vector128.Load((float*)r1), c = Vector128.Load((float*)r2), d = Vector128.Load((float*)r3);
        Vector128<float> ab = ZipLow(a, b), cd = ZipLow(c, d), ab2 = ZipHigh(a, b), cd2 = ZipHigh(c, d);
        var scale = L.Count >= 4 ? Vector128.Load(scales) : default;
        Put<L>(Vector128.Create(ab.GetLower(), cd.GetLower()), to, tile, scale);
        Put<L>(Vector128.Create(ab.GetUpper(), cd.GetUpper()), to + L.Count * tile, tile, scale);
        Put<L>(Vector128.Create(ab2.GetLower(), cd2.GetLower()), to + 2 * L.Count * tile, tile, scale);
        Put<L>(Vector128.Create(ab2.GetUpper(), cd2.GetUpper()), to + 3 * L.Count * tile, tile, scale);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put<L>(Vector128<float> column, float* to, nint tile, Vector128<float> scale) where L : ILanes
    {
        var words = column.AsInt32();
        switch (L.Count)
        {
            case 1:
                column.Store(to);
                break;
            case 2:
                (words << 16).AsSingle().Store(to);
                (words & Vector128.Create(unchecked((int)0xFFFF0000))).AsSingle().Store(to + tile);
                break;
            case 4:
                (Vector128.ConvertToSingle(words << 24 >> 24) * scale).Store(to);
                (Vector128.ConvertToSingle(words << 16 >> 24) * scale).Store(to + tile);
                (Vector128.ConvertToSingle(words << 8 >> 24) * scale).Store(to + 2 * tile);
                (Vector128.ConvertToSingle(words >> 24) * scale).Store(to + 3 * tile);
                break;
            default:
                (Vector128.ConvertToSingle(words << 28 >> 28) * scale).Store(to);
                (Vector128.ConvertToSingle(words << 12 >> 28) * scale).Store(to + tile);
                (Vector128.ConvertToSingle(words << 24 >> 28) * scale).Store(to + 2 * tile);
                (Vector128.ConvertToSingle(words << 8 >> 28) * scale).Store(to + 3 * tile);
                (Vector128.ConvertToSingle(words << 20 >> 28) * scale).Store(to + 4 * tile);
                (Vector128.ConvertToSingle(words << 4 >> 28) * scale).Store(to + 5 * tile);
                (Vector128.ConvertToSingle(words << 16 >> 28) * scale).Store(to + 6 * tile);
                (Vector128.ConvertToSingle(words >> 28) * scale).Store(to + 7 * tile);
                break;
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
