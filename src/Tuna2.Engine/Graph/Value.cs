namespace Tuna2.Engine.Graph;

/// <summary>What a value's elements are in a backend's memory.</summary>
public enum ValueElement
{
    /// <summary>The backend's activation type: float32 or bfloat16.</summary>
    Activation,

    /// <summary>float32 whatever the backend: states of the sampler, AdaLN tables, logits.</summary>
    Float32,
}

/// <summary>
/// A matrix that ops read and write: <see cref="Rows"/> x <see cref="Columns"/>, row-major, no padding.
/// Everything in the engine is flat rows; sequences and pictures are described beside them by the <see cref="Batch"/>.
/// </summary>
/// <param name="name">The name parity and messages use.</param>
/// <param name="rows">How many rows, at most and in the next run.</param>
/// <param name="columns">Elements of a row.</param>
/// <param name="storage">How long it lives.</param>
/// <param name="element">What its elements are.</param>
public sealed class Value(string name, Extent rows, int columns, Storage storage, ValueElement element = ValueElement.Activation)
{
    /// <summary>The name parity and messages use.</summary>
    public string Name { get; } = name;

    /// <summary>How many rows, at most and in the next run.</summary>
    public Extent Rows { get; } = rows;

    /// <summary>Elements of a row.</summary>
    public int Columns { get; } = columns > 0 ? columns : throw new ArgumentOutOfRangeException(nameof(columns), columns, $"{name} must have columns");

    /// <summary>How long it lives.</summary>
    public Storage Storage { get; } = storage;

    /// <summary>What its elements are.</summary>
    public ValueElement Element { get; } = element;

    /// <summary>Bytes of an element on a backend whose activations take <paramref name="activationBytes"/>.</summary>
    public int ElementBytes(int activationBytes) => Element == ValueElement.Float32 ? sizeof(float) : activationBytes;

    /// <summary>Bytes at the bound, on a backend whose activations take <paramref name="activationBytes"/>.</summary>
    public long MaxBytes(int activationBytes) => checked((long)Rows.Max * Columns * ElementBytes(activationBytes));

    /// <inheritdoc/>
    public override string ToString() => $"{Name} ({Rows}, {Columns}) {Storage}";
}
