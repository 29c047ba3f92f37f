using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Cpu;

public class LayerNormTests
{
    private const float Epsilon = 1e-3f;

    [Test, Combinatorial]
    public void It_agrees_with_double_precision([Values(1, 19, 300)] int rows, [Values(1, 7, 72, 257)] int width, [Values(0f, 1000f)] float mean, [Values] bool inPlace)
    {
        var numbers = new SeededNumbers(rows + width);
        float[] x = [.. numbers.Floats(rows * width, 3).Select(v => v + mean)], w = numbers.Floats(width), b = numbers.Floats(width);
        var expected = new double[rows * width];
        for (var row = 0; row < rows; row++)
        {
            var values = x.AsSpan(row * width, width).ToArray();
            var average = values.Average(v => (double)v);
            var variance = values.Average(v => (v - average) * (v - average));
            for (var i = 0; i < width; i++)
                expected[row * width + i] = (values[i] - average) / Math.Sqrt(variance + Epsilon) * w[i] + b[i];
        }
        // A mean of 1000 costs the digits that the numbers themselves have lost by it; what is left must be right.
        Everywhere.Computes(expected, width, mean == 0 ? 1e-6 : 1e-4, rig =>
        {
            var input = rig.Value("x", rows, width, x);
            var output = inPlace ? input : rig.Value("y", rows, width);
            rig.Run(new LayerNorm("layer_norm1", input, rig.Vector(w), rig.Vector(b), Epsilon, output), new Batch());
            return rig.Read(output);
        });
    }

    [Test]
    public void A_constant_row_becomes_the_bias() => Everywhere.Computes([.. Enumerable.Repeat(0.5, 24)], 24, 0, rig =>
    {
        var x = rig.Value("x", 1, 24, [.. Enumerable.Repeat(7f, 24)]);
        rig.Run(new LayerNorm("layer_norm1", x, rig.Vector([.. Enumerable.Repeat(3f, 24)]), rig.Vector([.. Enumerable.Repeat(0.5f, 24)]), 1e-6f, x), new Batch());
        return rig.Read(x);
    });
}
