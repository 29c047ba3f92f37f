using System.Runtime.CompilerServices;

namespace Tuna2.Engine.Cpu;

/// <summary>
/// The inner loop of every product: a block of <see cref="Rows"/> x two vectors of C held in registers while k runs. Twelve
/// accumulators, two loads and a broadcast fit the sixteen registers of AVX2, and twelve independent chains cover the latency
/// of a fused multiply-add on every processor since Haswell.
/// </summary>
internal static unsafe class CpuTile
{
    /// <summary>Rows of a tile.</summary>
    public const int Rows = 6;

    /// <summary>
    /// C[rows x 2W] = A[rows x k] B[k x 2W], or C += with <paramref name="accumulate"/>. Rows beyond <paramref name="rows"/>
    /// are computed from the last row and not stored.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<S, V>(float* a, nint lda, int rows, float* b, nint ldb, int k, float* c, nint ldc, bool accumulate)
        where S : ISimd<V> where V : struct
    {
        var last = rows - 1;
        float* a0 = a, a1 = a + Math.Min(1, last) * lda, a2 = a + Math.Min(2, last) * lda;
        float* a3 = a + Math.Min(3, last) * lda, a4 = a + Math.Min(4, last) * lda, a5 = a + Math.Min(5, last) * lda;
        var w = S.Width;
        V zero = S.Broadcast(0);
        V c00 = zero, c01 = zero, c10 = zero, c11 = zero, c20 = zero, c21 = zero;
        V c30 = zero, c31 = zero, c40 = zero, c41 = zero, c50 = zero, c51 = zero;
        for (nint i = 0; i < k; i++)
        {
            V b0 = S.Load(b), b1 = S.Load(b + w);
            b += ldb;
            var x = S.Broadcast(a0[i]);
            c00 = S.Fma(x, b0, c00);
            c01 = S.Fma(x, b1, c01);
            x = S.Broadcast(a1[i]);
            c10 = S.Fma(x, b0, c10);
            c11 = S.Fma(x, b1, c11);
            x = S.Broadcast(a2[i]);
            c20 = S.Fma(x, b0, c20);
            c21 = S.Fma(x, b1, c21);
            x = S.Broadcast(a3[i]);
            c30 = S.Fma(x, b0, c30);
            c31 = S.Fma(x, b1, c31);
            x = S.Broadcast(a4[i]);
            c40 = S.Fma(x, b0, c40);
            c41 = S.Fma(x, b1, c41);
            x = S.Broadcast(a5[i]);
            c50 = S.Fma(x, b0, c50);
            c51 = S.Fma(x, b1, c51);
        }
        Put<S, V>(c, c00, c01, accumulate);
        if (rows > 1) Put<S, V>(c + ldc, c10, c11, accumulate);
        if (rows > 2) Put<S, V>(c + 2 * ldc, c20, c21, accumulate);
        if (rows > 3) Put<S, V>(c + 3 * ldc, c30, c31, accumulate);
        if (rows > 4) Put<S, V>(c + 4 * ldc, c40, c41, accumulate);
        if (rows > 5) Put<S, V>(c + 5 * ldc, c50, c51, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put<S, V>(float* c, V left, V right, bool accumulate) where S : ISimd<V> where V : struct
    {
        if (accumulate)
        {
            left = S.Add(S.Load(c), left);
            right = S.Add(S.Load(c + S.Width), right);
        }
        S.Store(c, left);
        S.Store(c + S.Width, right);
    }
}
