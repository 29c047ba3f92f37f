using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Tuna2.Engine.Cpu;

namespace Tuna2.Bench.Cpu;

/// <summary>
/// What the bench's threads compute at most: multiply-adds on vectors that stay in registers, enough of them at once that none waits
/// for the one before. A multiply-add counts two operations.
/// </summary>
internal sealed class Arithmetic(int threads, SimdLevel simd) : IDisposable
{
    /// <summary>Runs of some milliseconds: short enough that on a shared machine some are undisturbed.</summary>
    public const int RunsOfARound = 100;

    private const int Accumulators = 10, Turns = 1 << 20;

    private readonly CpuThreads _threads = new(threads);
    private float _sum;

    /// <summary>Of the fastest run: disturbances move a ceiling only down.</summary>
    public double OperationsPerSecond(int rounds)
    {
        var width = simd switch
        {
            SimdLevel.Scalar => ScalarSimd.Width,
            SimdLevel.Vector128 => Simd128.Width,
            SimdLevel.Avx2 => Simd256.Width,
            SimdLevel.Avx512 => Simd512.Width,
            _ => throw new ArgumentException($"{simd} is not resolved"),
        };
        var fastest = TimeSpan.MaxValue;
        for (var i = 0; i < rounds * RunsOfARound; i++)
        {
            var begin = Stopwatch.GetTimestamp();
            Run();
            if (Stopwatch.GetElapsedTime(begin) is var time && time < fastest)
                fastest = time;
        }
        return 2.0 * _threads.Count * Accumulators * Turns * width / fastest.TotalSeconds;
    }

    public void Dispose() => _threads.Dispose();

    private void Run() => _threads.For(_threads.Count, _ => Volatile.Write(ref _sum, simd switch
    {
        SimdLevel.Scalar => Fold<ScalarSimd, float>(),
        SimdLevel.Vector128 => Fold<Simd128, Vector128<float>>(),
        SimdLevel.Avx2 => Fold<Simd256, Vector256<float>>(),
        _ => Fold<Simd512, Vector512<float>>(),
    }));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static float Fold<S, V>() where S : struct, ISimd<V> where V : struct
    {
        V a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, x = S.Broadcast(0.999f), y = S.Broadcast(1e-3f);
        a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = a8 = a9 = S.Broadcast(1);
        for (var i = 0; i < Turns; i++)
        {
            a0 = S.Fma(a0, x, y);
            a1 = S.Fma(a1, x, y);
            a2 = S.Fma(a2, x, y);
            a3 = S.Fma(a3, x, y);
            a4 = S.Fma(a4, x, y);
            a5 = S.Fma(a5, x, y);
            a6 = S.Fma(a6, x, y);
            a7 = S.Fma(a7, x, y);
            a8 = S.Fma(a8, x, y);
            a9 = S.Fma(a9, x, y);
        }
        return S.Sum(S.Add(S.Add(S.Add(a0, a1), S.Add(a2, a3)), S.Add(S.Add(S.Add(a4, a5), S.Add(a6, a7)), S.Add(a8, a9))));
    }
}
