using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Cpu;

/// <summary>Rotary angles of a row, and their use on a head.</summary>
internal static unsafe class CpuRotary
{
    /// <summary>Which elements of a head turn together.</summary>
    public enum Pairs
    {
        /// <summary>The head stays as it is.</summary>
        None,

        /// <summary>i and i + dim/2, by the angle.</summary>
        Halves,

        /// <summary>2i and 2i + 1, by the negative angle.</summary>
        Neighbours,
    }

    /// <summary>Fills the cosines and sines of a row's angles, one per pair, and says which pairs they turn.</summary>
    public static Pairs Angles(RotaryEmbedding? rotary, in Sequence sequence, int row, float* cos, float* sin)
    {
        if (rotary is null)
            return Pairs.None;
        if (rotary is ImageRotary image && sequence.Span is { } grid)
        {
            if (row == 0)
                return Pairs.None;
            var patch = row - 1;
            var used = Fill(image.FrameFrequency, patch / (grid.Height * grid.Width), cos, sin);
            used += Fill(image.RowFrequency, patch / grid.Width % grid.Height, cos + used, sin + used);
            Fill(image.RowFrequency, patch % grid.Width, cos + used, sin + used);
            return Pairs.Neighbours;
        }
        Fill(rotary is TextRotary text ? text.Frequency : ((ImageRotary)rotary).Frequency, sequence.PosBase + row, cos, sin);
        return Pairs.Halves;
    }

    /// <summary>y = x rotated; they may be the same.</summary>
    public static void Rotate(float* x, Pairs pairs, float* cos, float* sin, float* y, int dim)
    {
        var half = dim / 2;
        for (var i = 0; i < half; i++)
        {
            var (first, second) = pairs == Pairs.Neighbours ? (2 * i, 2 * i + 1) : (i, i + half);
            float a = x[first], b = x[second];
            (y[first], y[second]) = pairs switch
            {
                Pairs.Halves => (a * cos[i] - b * sin[i], b * cos[i] + a * sin[i]),
                Pairs.Neighbours => (a * cos[i] + b * sin[i], b * cos[i] - a * sin[i]),
                _ => (a, b),
            };
        }
    }

    private static int Fill(float[] frequency, int position, float* cos, float* sin)
    {
        for (var i = 0; i < frequency.Length; i++)
            (sin[i], cos[i]) = MathF.SinCos(position * frequency[i]);
        return frequency.Length;
    }
}
