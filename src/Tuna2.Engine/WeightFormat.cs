namespace Tuna2.Engine;

/// <summary>What a model's matrices are kept as on the device; activations, norms and biases are as they are whatever it is.</summary>
public enum WeightFormat
{
    /// <summary>As the checkpoint has them.</summary>
    Stored,

    /// <summary>A byte an element and a scale a row: half of bfloat16, next to no loss.</summary>
    Int8,

    /// <summary>The layers' projections in four bits an element and a scale for 32 of them, the AdaLN projections and the output over the vocabulary as <see cref="Int8"/>: under a third of bfloat16.</summary>
    Int4,

    /// <summary>
    /// The layers' projections in eight-bit floats (E4M3) and a scale a row, but those of the first and the last layer; their inputs are rounded to
    /// the same, row by row, wherever there are more than four rows. For GPUs whose tensor cores have such numbers; elsewhere it computes the same, and is no faster.
    /// </summary>
    Fp8,
}

/// <summary>Facts about <see cref="WeightFormat"/>.</summary>
public static class WeightFormats
{
    /// <summary>Its name on command lines and in parameters: "stored", "int8", "int4", "fp8".</summary>
    public static string Name(this WeightFormat format) => format switch
    {
        WeightFormat.Int8 => "int8",
        WeightFormat.Int4 => "int4",
        WeightFormat.Fp8 => "fp8",
        _ => "stored",
    };
}
