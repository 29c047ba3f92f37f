using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using NUnit.Framework;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Tests.Cpu;

public unsafe class CpuPanelTests
{
    private const int Guard = 64;

    [Test, Combinatorial]
    public void A_panel_is_the_transposed_block_and_nothing_beside_it([Values(Precision.BF16, Precision.F32)] Precision precision, [Values(1, 7, 8, 9, 15, 16, 17, 64, 67)] int depth, [Values(0, 5)] int k0)
    {
        Check<ScalarSimd, float>(precision, depth, k0);
        Check<Simd128, Vector128<float>>(precision, depth, k0);
        Check<Simd256, Vector256<float>>(precision, depth, k0);
        Check<Simd512, Vector512<float>>(precision, depth, k0);
    }

    [Test]
    public void A_panel_of_quantized_rows_is_their_numbers_transposed([Values(Precision.Int8, Precision.Int4, Precision.Fp8)] Precision precision, [Values(1, 8, 31, 32, 33, 64, 67)] int depth, [Values(0, 64)] int k0)
    {
        CheckQuantized<ScalarSimd, float>(precision, depth, k0);
        CheckQuantized<Simd128, Vector128<float>>(precision, depth, k0);
        CheckQuantized<Simd256, Vector256<float>>(precision, depth, k0);
        CheckQuantized<Simd512, Vector512<float>>(precision, depth, k0);
    }

    [Test]
    public void A_tile_of_rows_is_one_stream_of_their_columns([Values(1, 2, 3, 4, 5, 6)] int rows, [Values(1, 2, 4, 8, 67)] int depth)
    {
        const int stride = 71;
        var data = new SeededNumbers(rows + depth).Floats(rows * stride);
        var tile = new float[Guard + depth * rows + Guard];
        tile.AsSpan().Fill(float.NaN);
        fixed (float* from = data, to = tile)
        {
            var starts = stackalloc float*[rows];
            for (var j = 0; j < rows; j++)
                starts[j] = from + j * stride;
            CpuPanel.PackTile(starts, rows, depth, to + Guard);
        }
        var expected = new float[tile.Length];
        expected.AsSpan().Fill(float.NaN);
        for (var i = 0; i < depth; i++)
            for (var j = 0; j < rows; j++)
                expected[Guard + i * rows + j] = data[j * stride + i];
        Assert.That(tile, Is.EqualTo(expected));
    }

    private static void CheckQuantized<S, V>(Precision precision, int depth, int k0) where S : ISimd<V> where V : struct
    {
        var tile = 2 * S.Width;
        foreach (var count in new[] { 1, tile - 1, tile }.Where(c => c >= 1).Distinct())
        {
            int row = 3, width = k0 + depth, rows = row + count;
            var backend = Everywhere.Backends.First();
            using var rig = new CpuRig(backend);
            var (weight, values) = rig.Quantized(rows, width, precision, new SeededNumbers(depth + count).Floats(rows * width));
            var panel = new float[Guard + depth * tile + Guard];
            panel.AsSpan().Fill(float.NaN);
            fixed (float* to = panel)
                new CpuMatrix(weight).Pack<S, V>(row, count, k0, depth, to + Guard);

            var expected = new float[panel.Length];
            expected.AsSpan().Fill(float.NaN);
            for (var i = 0; i < depth; i++)
                for (var j = 0; j < tile; j++)
                    expected[Guard + i * tile + j] = values[(row + Math.Min(j, count - 1)) * width + k0 + i];
            Assert.That(panel, Is.EqualTo(expected), $"{typeof(S).Name}, {count} rows");
        }
    }

    /// <summary>The matrix ends where its memory ends, NaN stands around the panel.</summary>
    private static void Check<S, V>(Precision precision, int depth, int k0) where S : ISimd<V> where V : struct
    {
        var tile = 2 * S.Width;
        foreach (var count in new[] { 1, 7, 8, 9, tile - 1, tile }.Where(c => c >= 1 && c <= tile).Distinct())
        {
            int row = 3, width = k0 + depth, rows = row + count;
            var data = new SeededNumbers(depth + count).Floats(rows * width, precision);
            var elements = precision == Precision.BF16
                ? MemoryMarshal.AsBytes(Array.ConvertAll(data, x => (ushort)(BitConverter.SingleToUInt32Bits(x) >> 16)).AsSpan()).ToArray()
                : MemoryMarshal.AsBytes(data.AsSpan()).ToArray();
            var panel = new float[Guard + depth * tile + Guard];
            panel.AsSpan().Fill(float.NaN);
            fixed (byte* matrix = elements)
            fixed (float* to = panel)
                CpuPanel.Pack<S, V>(matrix, precision, width, row, count, k0, depth, to + Guard);

            var expected = new float[panel.Length];
            expected.AsSpan().Fill(float.NaN);
            for (var i = 0; i < depth; i++)
                for (var j = 0; j < tile; j++)
                    expected[Guard + i * tile + j] = data[(row + Math.Min(j, count - 1)) * width + k0 + i];
            Assert.That(panel, Is.EqualTo(expected), $"{typeof(S).Name}, {count} rows");
        }
    }
}
