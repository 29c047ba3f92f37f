using System.Runtime.CompilerServices;

namespace Tuna2.Engine.Cpu;

/// <summary>Rows of a tile, as a type: the compiler drops what a tile of so many rows does not need.</summary>
internal interface ITileRows
{
    static abstract int Count { get; }
}

internal readonly struct OneRow : ITileRows { public static int Count => 1; }
internal readonly struct TwoRows : ITileRows { public static int Count => 2; }
internal readonly struct ThreeRows : ITileRows { public static int Count => 3; }
internal readonly struct FourRows : ITileRows { public static int Count => 4; }
internal readonly struct FiveRows : ITileRows { public static int Count => 5; }
internal readonly struct SixRows : ITileRows { public static int Count => 6; }

/// <summary>What becomes of a tile's sums.</summary>
internal enum TileSum
{
    /// <summary>C = A B.</summary>
    Replace,

    /// <summary>C = C + A B, the sums of A B formed apart.</summary>
    Add,

    /// <summary>C = the sums begun in C, carried on: as if this depth and the one before had been one.</summary>
    Continue,
}

/// <summary>
/// The inner loop of every product: a block of up to <see cref="MaxRows"/> x two vectors of C held in registers while k runs.
/// Twelve accumulators, two loads and a broadcast fit the sixteen registers of AVX2, and twelve independent chains cover the
/// latency of a fused multiply-add on every processor since Haswell. An element is the same chain of multiply-adds over k
/// whatever the tile's rows and the vectors' width.
/// </summary>
internal static unsafe class CpuTile
{
    /// <summary>The most rows of a tile.</summary>
    public const int MaxRows = 6;

    /// <summary>Tiles for so many rows: as even as can be, for a tile of one row takes as long as one of four.</summary>
    public static int Count(int rows) => (rows + MaxRows - 1) / MaxRows;

    /// <summary>The first row of tile <paramref name="tile"/> of <paramref name="tiles"/>; that of the last but one ends them.</summary>
    public static int Begin(int tile, int tiles, int rows) => (int)((long)tile * rows / tiles);

    /// <summary>The product of A, rows x k, and B, k x 2W, to C.</summary>
    /// <param name="a">Element (row, i) of A is a[row * aRow + i * aStep].</param>
    /// <param name="aRow">From a row of A to the next.</param>
    /// <param name="aStep">From an element of a row to the next.</param>
    /// <param name="rows">1 to <see cref="MaxRows"/>.</param>
    /// <param name="b">Rows of two vectors, one behind the other.</param>
    /// <param name="k">Rows of B.</param>
    /// <param name="c">Element (row, j) of C is c[row * ldc + j].</param>
    /// <param name="ldc">From a row of C to the next.</param>
    /// <param name="sum">How it meets what C holds.</param>
    public static void Run<S, V>(float* a, nint aRow, nint aStep, int rows, float* b, int k, float* c, nint ldc, TileSum sum)
        where S : ISimd<V> where V : struct
    {
        switch (rows)
        {
            case 1: Run<S, V, OneRow>(a, aRow, aStep, b, k, c, ldc, sum); break;
            case 2: Run<S, V, TwoRows>(a, aRow, aStep, b, k, c, ldc, sum); break;
            case 3: Run<S, V, ThreeRows>(a, aRow, aStep, b, k, c, ldc, sum); break;
            case 4: Run<S, V, FourRows>(a, aRow, aStep, b, k, c, ldc, sum); break;
            case 5: Run<S, V, FiveRows>(a, aRow, aStep, b, k, c, ldc, sum); break;
            default: Run<S, V, SixRows>(a, aRow, aStep, b, k, c, ldc, sum); break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run<S, V, R>(float* a, nint aRow, nint aStep, float* b, int k, float* c, nint ldc, TileSum sum)
        where S : ISimd<V> where V : struct where R : ITileRows
    {
        float* a1 = a + aRow, a2 = a1 + aRow, a3 = a2 + aRow, a4 = a3 + aRow, a5 = a4 + aRow;
        var w = S.Width;
        V zero = S.Broadcast(0);
        V c00 = zero, c01 = zero, c10 = zero, c11 = zero, c20 = zero, c21 = zero;
        V c30 = zero, c31 = zero, c40 = zero, c41 = zero, c50 = zero, c51 = zero;
        if (sum == TileSum.Continue)
        {
            (c00, c01) = (S.Load(c), S.Load(c + w));
            if (R.Count > 1) (c10, c11) = (S.Load(c + ldc), S.Load(c + ldc + w));
            if (R.Count > 2) (c20, c21) = (S.Load(c + 2 * ldc), S.Load(c + 2 * ldc + w));
            if (R.Count > 3) (c30, c31) = (S.Load(c + 3 * ldc), S.Load(c + 3 * ldc + w));
            if (R.Count > 4) (c40, c41) = (S.Load(c + 4 * ldc), S.Load(c + 4 * ldc + w));
            if (R.Count > 5) (c50, c51) = (S.Load(c + 5 * ldc), S.Load(c + 5 * ldc + w));
        }
        nint i = 0;
        for (; k > 0; k--)
        {
            V b0 = S.Load(b), b1 = S.Load(b + w);
            b += 2 * w;
            var x = S.Broadcast(a[i]);
            c00 = S.Fma(x, b0, c00);
            c01 = S.Fma(x, b1, c01);
            if (R.Count > 1)
            {
                x = S.Broadcast(a1[i]);
                c10 = S.Fma(x, b0, c10);
                c11 = S.Fma(x, b1, c11);
            }
            if (R.Count > 2)
            {
                x = S.Broadcast(a2[i]);
                c20 = S.Fma(x, b0, c20);
                c21 = S.Fma(x, b1, c21);
            }
            if (R.Count > 3)
            {
                x = S.Broadcast(a3[i]);
                c30 = S.Fma(x, b0, c30);
                c31 = S.Fma(x, b1, c31);
            }
            if (R.Count > 4)
            {
                x = S.Broadcast(a4[i]);
                c40 = S.Fma(x, b0, c40);
                c41 = S.Fma(x, b1, c41);
            }
            if (R.Count > 5)
            {
                x = S.Broadcast(a5[i]);
                c50 = S.Fma(x, b0, c50);
                c51 = S.Fma(x, b1, c51);
            }
            i += aStep;
        }
        Put<S, V>(c, c00, c01, sum == TileSum.Add);
        if (R.Count > 1) Put<S, V>(c + ldc, c10, c11, sum == TileSum.Add);
        if (R.Count > 2) Put<S, V>(c + 2 * ldc, c20, c21, sum == TileSum.Add);
        if (R.Count > 3) Put<S, V>(c + 3 * ldc, c30, c31, sum == TileSum.Add);
        if (R.Count > 4) Put<S, V>(c + 4 * ldc, c40, c41, sum == TileSum.Add);
        if (R.Count > 5) Put<S, V>(c + 5 * ldc, c50, c51, sum == TileSum.Add);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put<S, V>(float* c, V left, V right, bool add) where S : ISimd<V> where V : struct
    {
        if (add)
        {
            left = S.Add(S.Load(c), left);
            right = S.Add(S.Load(c + S.Width), right);
        }
        S.Store(c, left);
        S.Store(c + S.Width, right);
    }
}
