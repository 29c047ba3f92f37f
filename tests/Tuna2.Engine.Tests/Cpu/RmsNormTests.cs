using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Cpu;

public class RmsNormTests
{
    private const float Epsilon = 1e-3f;

    [Test, Combinatorial]
    public void It_agrees_with_double_precision(
        [Values(1, 19, 300)] int rows, [Values(1, 7, 64, 257)] int width, [Values] bool modulated, [Values] bool inPlace)
    {
        const int chunks = 4, shift = 1, scale = 3;
        var numbers = new SeededNumbers(rows + width);
        float[] x = numbers.Floats(rows * width, 3), w = numbers.Floats(width), table = numbers.Floats(Batches.ModRows * chunks * width);
        var batch = Batches.Mixed(rows);

        var expected = new double[rows * width];
        for (var row = 0; row < rows; row++)
        {
            var meanSquare = Enumerable.Range(0, width).Average(i => (double)x[row * width + i] * x[row * width + i]);
            for (var i = 0; i < width; i++)
            {
                var y = x[row * width + i] / Math.Sqrt(meanSquare + Epsilon) * w[i];
                var mod = modulated ? batch.ModRow(row) : -1;
                expected[row * width + i] = mod < 0 ? y
                    : y * (1.0 + table[(mod * chunks + scale) * width + i]) + table[(mod * chunks + shift) * width + i];
            }
        }
        Everywhere.Computes(expected, width, 1e-6, rig =>
        {
            var input = rig.Value("x", rows, width, x);
            var output = inPlace ? input : rig.Value("y", rows, width);
            var vectors = rig.Value("table", Batches.ModRows, chunks * width, table);
            rig.Run(modulated
                ? new RmsNorm("norm", input, rig.Vector(w), Epsilon, output, new(vectors, shift), new(vectors, scale))
                : new RmsNorm("norm", input, rig.Vector(w), Epsilon, output), batch);
            return rig.Read(output);
        });
    }

    [Test]
    public void Zeros_stay_zeros() => Everywhere.Computes(new double[24], 24, 0, rig =>
    {
        var x = rig.Value("x", 1, 24, new float[24]);
        rig.Run(new RmsNorm("norm", x, rig.Vector([.. Enumerable.Repeat(1f, 24)]), 1e-6f, x), new Batch());
        return rig.Read(x);
    });

    [Test]
    public void Shift_and_scale_come_from_one_table()
    {
        using var rig = new CpuRig(Everywhere.Backends.First());
        Value x = rig.Value("x", 1, 2), one = rig.Value("one", 1, 4), other = rig.Value("other", 1, 4);
        var weight = rig.Vector([1, 1]);
        Assert.Multiple(() =>
        {
            Assert.That(() => new RmsNorm("norm", x, weight, 0, x, new(one, 0), new(other, 1)), Throws.ArgumentException);
            Assert.That(() => new RmsNorm("norm", x, weight, 0, x, new(one, 0)), Throws.ArgumentException);
        });
    }
}
