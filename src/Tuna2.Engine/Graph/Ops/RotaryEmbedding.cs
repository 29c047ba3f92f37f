namespace Tuna2.Engine.Graph.Ops;

/// <summary>
/// Which rotary embedding rows get. Angles are formed as the official code forms them, in float32, from float32 frequencies.
/// </summary>
public abstract record RotaryEmbedding
{
    private protected RotaryEmbedding(int headDim) => HeadDim = headDim;

    /// <summary>Elements of a head.</summary>
    public int HeadDim { get; }

    /// <summary>theta^(-i/dim) for i = 0, 2, 4, ... below <paramref name="dim"/>, in float32.</summary>
    public static float[] Frequencies(int dim, double theta) =>
        [.. Enumerable.Range(0, dim / 2).Select(i => 1f / (float)Math.Pow(theta, (float)(2 * i) / dim))];

    /// <summary>Frequencies with the llama3 scaling: long waves slowed by the factor, the band between blended.</summary>
    public static float[] Llama3Frequencies(int dim, double theta, double factor, double low, double high, double originalLength)
    {
        var frequencies = Frequencies(dim, theta);
        double longWave = originalLength / low, shortWave = originalLength / high;
        for (var i = 0; i < frequencies.Length; i++)
        {
            var wave = 2 * Math.PI / frequencies[i];
            var smooth = (originalLength / wave - low) / (high - low);
            frequencies[i] = (float)(wave > longWave ? frequencies[i] / factor
                : wave < shortWave ? frequencies[i]
                : (1 - smooth) * frequencies[i] / factor + smooth * frequencies[i]);
        }
        return frequencies;
    }
}

/// <summary>
/// The LLM's: every row, image tokens too, at its plain position; halves of a head are the pairs (rotate-half).
/// </summary>
/// <param name="HeadDim">Elements of a head.</param>
/// <param name="Frequency">One per pair.</param>
public sealed record TextRotary(int HeadDim, float[] Frequency) : RotaryEmbedding(HeadDim);

/// <summary>
/// The flow head's: text rows like <see cref="TextRotary"/>; patches by (frame, row, column) over 2/8, 3/8 and 3/8 of the
/// head, neighbouring elements as pairs, rotated by the negative angle; the time token not at all (MODEL.md 3.6, official
/// modules_new_mm.py apply_rope_image3d_text1d).
/// </summary>
/// <param name="HeadDim">Elements of a head.</param>
/// <param name="Frequency">One per pair, for text rows.</param>
/// <param name="FrameFrequency">One per pair of the frame part.</param>
/// <param name="RowFrequency">One per pair of the row part, and of the column part.</param>
public sealed record ImageRotary(int HeadDim, float[] Frequency, float[] FrameFrequency, float[] RowFrequency) : RotaryEmbedding(HeadDim);
