namespace Tuna2.Engine.Graph;

/// <summary>How a weight's elements are stored.</summary>
public enum Precision
{
    /// <summary>bfloat16: the upper half of a float32.</summary>
    BF16,

    /// <summary>float32.</summary>
    F32,
}

/// <summary>
/// A weight as the ops see it: rows in checkpoint layout (out, in), one or several checkpoint tensors stacked along the rows
/// (q over k over v, gate over up). Matrices keep the checkpoint's bfloat16, or float32 where it has that; vectors (norms,
/// biases) are float32. Held by the model and shared by every session.
/// </summary>
/// <param name="Names">The checkpoint tensors, in stacking order.</param>
/// <param name="Rows">Rows of the stack: output features.</param>
/// <param name="Columns">Elements of a row: input features (1 row for vectors).</param>
/// <param name="Precision">How an element is stored.</param>
/// <param name="Buffer">The memory that holds it.</param>
/// <param name="Offset">Its byte offset there.</param>
public sealed record Weight(IReadOnlyList<string> Names, int Rows, int Columns, Precision Precision, IDeviceBuffer Buffer, long Offset)
{
    /// <summary>Elements.</summary>
    public long Count => (long)Rows * Columns;

    /// <inheritdoc/>
    public override string ToString() => $"{string.Join('+', Names)} ({Rows}, {Columns})";
}
