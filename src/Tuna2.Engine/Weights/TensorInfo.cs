namespace Tuna2.Engine.Weights;

/// <summary>One tensor of a file of weights: what it is and where its bytes lie. Nothing of it is in memory.</summary>
/// <param name="Name">The name in the file.</param>
/// <param name="DType">The element type.</param>
/// <param name="Shape">The dimensions, outermost first; empty for a scalar. Their product is known not to overflow.</param>
/// <param name="Offset">Where the first element lies, in bytes from the start of the file.</param>
/// <param name="Path">The file that holds it.</param>
public sealed record TensorInfo(string Name, DType DType, IReadOnlyList<long> Shape, long Offset, string Path)
{
    /// <summary>How many elements the tensor has; 1 for a scalar, 0 when a dimension is 0.</summary>
    public long ElementCount => TensorShape.TryCount(Shape, out var count) ? count : throw Overflow();

    /// <summary>How many bytes the tensor takes in the file.</summary>
    public long ByteLength => TensorShape.TryByteLength(Shape, DType, out var bytes) ? bytes : throw Overflow();

    /// <summary>The tensor in one line: <c>name BF16 [256, 3, 16, 16]</c>.</summary>
    public override string ToString() => $"{Name} {DType.Name()} {TensorShape.Text(Shape)}";

    private ModelException Overflow() => new($"{Path}: tensor '{Name}': the shape {TensorShape.Text(Shape)} overflows");
}
