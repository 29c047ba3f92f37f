using System.Runtime.InteropServices;
using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Tests.Native;

/// <summary>kernels/round_rows.cu in the host runner: the CPU backend's bits.</summary>
public class RoundRowsHostTests
{
    private static readonly HostRunner _runner = new();

    [TestCase(1, 18944)]
    [TestCase(17, 2056)]
    [TestCase(3, 20480)]
    [TestCase(989, 8)]
    public void Has_the_bits_of_the_CPU(int rows, int dim)
    {
        var random = new Random(rows + dim);
        // Rows of every magnitude, elements over forty powers of two; zeros, NaN and an infinity.
        var x = new float[rows * dim];
        for (var i = 0; i < x.Length; i++)
            x[i] = (float)((random.NextDouble() - 0.5) * Math.Pow(2, i / dim % 200 - 120 - random.Next(40)));
        if (rows > 2)
        {
            x.AsSpan(dim, dim).Clear();
            x[3] = float.NaN;
            x[2 * dim + 5] = float.PositiveInfinity;
        }
        x = Array.ConvertAll(x, v => (float)ElementType.BF16.Round(v));
        using var input = ElementType.BF16.Input("x", x);
        using var y = ElementType.BF16.Output("y", x.Length);
        _runner.LaunchChecked(new RoundRows(rows), new RoundRowsArgs { X = input.Address, Y = y.Address, Dim = dim }, input, y);
        var expected = new float[x.Length];
        for (var row = 0; row < rows; row++)
            E4M3.Round(x.AsSpan(row * dim, dim), expected.AsSpan(row * dim, dim));
        Assert.That(ElementType.BF16.Read(y), Is.EqualTo(expected).AsCollection);

        using var bytes = HostBuffer.Output<byte>("y", x.Length);
        using var scales = HostBuffer.Output<float>("scales", rows);
        _runner.LaunchChecked(new RoundRows(rows, ToBytes: true), new RoundRowsArgs { X = input.Address, Y = bytes.Address, Scales = scales.Address, Dim = dim }, input, bytes, scales);
        var quantizer = new RowQuantizer(Precision.Fp8, dim);
        for (var row = 0; row < rows; row++)
        {
            // What the bytes and the scale stand for are the numbers above, but for a row with an infinity, which they cannot hold.
            var actual = new float[dim];
            quantizer.Dequantize(bytes.As<byte>().Slice(row * dim, dim), MemoryMarshal.AsBytes(scales.As<float>().Slice(row, 1)), actual);
            var part = expected[(row * dim)..(row * dim + dim)];
            Assert.That(actual, Array.Exists(part, float.IsInfinity) ? Is.All.NaN : Is.EqualTo(part).AsCollection, $"row {row}");
        }
    }

    [Test]
    public void Stays_in_its_buffers()
    {
        using var x = ElementType.BF16.Input("x", new float[3 * 40]);
        using var y = ElementType.BF16.Output("y", 3 * 40);
        SanitizedRunner.Launch(new RoundRows(3), new RoundRowsArgs { X = x.Address, Y = y.Address, Dim = 40 }, x, y);
        using var bytes = HostBuffer.Output<byte>("y", 3 * 40);
        using var scales = HostBuffer.Output<float>("scales", 3);
        SanitizedRunner.Launch(new RoundRows(3, ToBytes: true), new RoundRowsArgs { X = x.Address, Y = bytes.Address, Scales = scales.Address, Dim = 40 }, x, bytes, scales);
    }

    [TestCase(12)]
    [TestCase(20488)]
    public void What_does_not_fit_is_refused(int dim) => Assert.That(() => new RoundRows(1, ToBytes: true).Shape(new() { Dim = dim }), Throws.ArgumentException.With.Message.Contains($"{dim}"));
}
