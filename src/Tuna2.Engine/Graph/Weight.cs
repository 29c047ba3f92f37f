namespace Tuna2.Engine.Graph;

/// <summary>
/// A weight as the ops see it: rows in checkpoint layout (out, in), one or several checkpoint tensors stacked along the rows
/// (q over k over v, gate over up). Matrices keep the checkpoint's bfloat16, or float32 where it has that, or are quantized;
/// vectors (norms, biases) are float32. Held by the model and shared by every session.
/// </summary>
/// <param name="Names">The checkpoint tensors, in stacking order.</param>
/// <param name="Rows">Rows of the stack: output features.</param>
/// <param name="Columns">Elements of a row: input features (1 row for vectors).</param>
/// <param name="Precision">How an element is stored.</param>
/// <param name="Buffer">The memory that holds it.</param>
/// <param name="Offset">Its byte offset there.</param>
public sealed record Weight(IReadOnlyList<string> Names, int Rows, int Columns, Precision Precision, IDeviceBuffer Buffer, long Offset)
{
    /// <summary>What the elements of a quantized weight are multiplied by; null where they are numbers themselves.</summary>
    public WeightScales? Scales { get; init; }

    /// <summary>Elements.</summary>
    public long Count => (long)Rows * Columns;

    /// <summary>Bytes of its elements and scales: what a product must read.</summary>
    public long Bytes => Rows * (Precision.RowBytes(Columns) + (Scales?.RowBytes(Precision, Columns) ?? 0));

    /// <inheritdoc/>
    public override string ToString() => $"{string.Join('+', Names)} ({Rows}, {Columns})";
}

/// <summary>The scales of a quantized weight: row by row, as many of each as it has groups of columns.</summary>
/// <param name="Buffer">The memory that holds them.</param>
/// <param name="Offset">Their byte offset there.</param>
/// <param name="Columns">Columns a scale covers; the last of a row may cover fewer.</param>
public sealed record WeightScales(IDeviceBuffer Buffer, long Offset, int Columns)
{
    /// <summary>Scales of a row of so many columns.</summary>
    public int PerRow(int columns) => (columns + Columns - 1) / Columns;

    /// <summary>Their bytes.</summary>
    public int RowBytes(Precision precision, int columns) => PerRow(columns) * precision.ScaleBytes();
}
