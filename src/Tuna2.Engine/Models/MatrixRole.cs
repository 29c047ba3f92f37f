using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Models;

/// <summary>What a matrix is for, which decides what a format makes of it.</summary>
internal enum MatrixRole
{
    /// <summary>
    /// Kept as stored whatever the format: the embedding, of which a token reads a row; the vision front, the time embedding and the
    /// last linear of the head, which are small and whose error nothing behind them evens out; the VAE, which is float32.
    /// </summary>
    Kept,

    /// <summary>Attention and MLP of a layer: nine tenths of a model.</summary>
    Layer,

    /// <summary>The same of the layer that sees the embeddings first, and of the one whose output becomes the picture.</summary>
    EndLayer,

    /// <summary>
    /// A layer's AdaLN vectors from the time. Read once a request and not once a step, so fewer bits would save memory alone; what they make
    /// multiplies every row of every step, so eight: next to nothing is lost, where four bits lose ten times as much.
    /// </summary>
    Modulation,

    /// <summary>The output over the vocabulary, which an answer's token reads whole and which decides between near ties: eight bits.</summary>
    LanguageHead,
}

/// <summary>The one place that says what a format makes of which matrix; measured in bench/NOTES.md.</summary>
internal static class MatrixRoles
{
    /// <summary>What a matrix is quantized to; null where it is kept.</summary>
    public static Precision? In(this MatrixRole role, WeightFormat format) => (format, role) switch
    {
        (WeightFormat.Stored, _) or (_, MatrixRole.Kept) => null,
        (WeightFormat.Int4, MatrixRole.Layer or MatrixRole.EndLayer) => Precision.Int4,
        (WeightFormat.Fp8, MatrixRole.Layer) => Precision.Fp8,
        (WeightFormat.Fp8, _) => null,
        _ => Precision.Int8,
    };
}
