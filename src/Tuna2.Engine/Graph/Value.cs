namespace Tuna2.Engine.Graph;

/// <summary>
/// A matrix of float32 that ops read and write: <see cref="Rows"/> x <see cref="Columns"/>, row-major, no padding.
/// Everything in the engine is flat rows; sequences and pictures are described beside them by the <see cref="Batch"/>.
/// </summary>
/// <param name="name">The name parity and messages use.</param>
/// <param name="rows">How many rows, at most and in the next run.</param>
/// <param name="columns">Elements of a row.</param>
/// <param name="storage">How long it lives.</param>
public sealed class Value(string name, Extent rows, int columns, Storage storage)
{
    /// <summary>The name parity and messages use.</summary>
    public string Name { get; } = name;

    /// <summary>How many rows, at most and in the next run.</summary>
    public Extent Rows { get; } = rows;

    /// <summary>Elements of a row.</summary>
    public int Columns { get; } = columns > 0 ? columns : throw new ArgumentOutOfRangeException(nameof(columns), columns, $"{name} must have columns");

    /// <summary>How long it lives.</summary>
    public Storage Storage { get; } = storage;

    /// <summary>Bytes at the bound.</summary>
    public long MaxBytes => checked((long)Rows.Max * Columns * sizeof(float));

    /// <inheritdoc/>
    public override string ToString() => $"{Name} ({Rows}, {Columns}) {Storage}";
}
