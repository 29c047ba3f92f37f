namespace Tuna2.Engine.Kernels;

/// <summary>The element type activations have in memory; arithmetic is float32 in all.</summary>
public enum ElementType
{
    /// <summary>bfloat16.</summary>
    BF16,

    /// <summary>float32.</summary>
    F32,

    /// <summary>An eight-bit float, times a float32 scale of its row: the input of a product of <see cref="Graph.Precision.Fp8"/>, and nothing else.</summary>
    E4M3,
}

/// <summary>Facts about <see cref="ElementType"/>.</summary>
public static class ElementTypes
{
    private const int WordBytes = 16;

    /// <summary>Bytes of an element.</summary>
    public static int Size(this ElementType element) => element switch
    {
        ElementType.BF16 => sizeof(ushort),
        ElementType.F32 => sizeof(float),
        ElementType.E4M3 => sizeof(byte),
        _ => throw new ArgumentOutOfRangeException(nameof(element), element, "no element type"),
    };

    /// <summary>16-byte words of a row, as kernels that only copy count it.</summary>
    /// <exception cref="ArgumentException">The row is not whole words.</exception>
    public static int Words(this ElementType element, int columns) => columns * element.Size() % WordBytes == 0
        ? columns * element.Size() / WordBytes
        : throw new ArgumentException($"rows are copied in whole {WordBytes}-byte words, and {columns} columns of {element.Suffix()} are not");

    /// <summary>Its name in instance names: "bf16", "f32", "e4m3".</summary>
    public static string Suffix(this ElementType element) => element switch
    {
        ElementType.BF16 => "bf16",
        ElementType.F32 => "f32",
        ElementType.E4M3 => "e4m3",
        _ => throw new ArgumentOutOfRangeException(nameof(element), element, "no element type"),
    };
}
