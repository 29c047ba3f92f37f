using System.Runtime.InteropServices;
using NUnit.Framework;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Parity;

namespace Tuna2.Engine.Tests.Cpu;

/// <summary>An op's check at every vector width, with one, two and three threads.</summary>
internal static class Everywhere
{
    private static readonly CpuBackend[][] s_backends =
        [.. new[] { SimdLevel.Scalar, SimdLevel.Vector128, SimdLevel.Avx2, SimdLevel.Avx512 }
            .Select(level => new[] { 1, 2, 3 }.Select(threads => new CpuBackend(threads, level)).ToArray())];

    /// <summary>Every backend, width by width.</summary>
    public static IEnumerable<CpuBackend> Backends => s_backends.SelectMany(b => b);

    /// <summary>
    /// Runs <paramref name="compute"/> on every backend: its result is within <paramref name="limit"/> of the reference, and
    /// the same bit for bit whatever the number of threads.
    /// </summary>
    /// <param name="expected">The reference, computed in double precision.</param>
    /// <param name="rowLength">Elements of a row.</param>
    /// <param name="limit">Relative limit; 0 for equality.</param>
    /// <param name="compute">Sets the op up, runs it and reads what it wrote.</param>
    public static void Computes(double[] expected, int rowLength, double limit, Func<CpuRig, float[]> compute)
    {
        var reference = Array.ConvertAll(expected, x => (float)x);
        foreach (var ofOneWidth in s_backends)
        {
            float[]? alone = null;
            foreach (var backend in ofOneWidth)
            {
                using var rig = new CpuRig(backend);
                var actual = compute(rig);
                var comparison = Comparison.Of(actual, reference, rowLength);
                var where = $"{backend.Simd}, {backend.Threads} threads: {comparison} worst row {comparison.WorstRow} {comparison.WorstRowError:E1}";
                Assert.That(comparison.Within(limit), where);
                alone ??= actual;
                Assert.That(MemoryMarshal.AsBytes(actual.AsSpan()).SequenceEqual(MemoryMarshal.AsBytes(alone.AsSpan())), $"same bits as with one thread: {where}");
            }
        }
    }
}
