namespace Tuna2.Engine.Kernels;

/// <summary>The element type activations have in memory; arithmetic is float32 in both.</summary>
public enum ElementType
{
    /// <summary>bfloat16.</summary>
    BF16,

    /// <summary>float32.</summary>
    F32,
}

/// <summary>Facts about <see cref="ElementType"/>.</summary>
public static class ElementTypes
{
    private const int WordBytes = 16;

    /// <summary>Bytes of an element.</summary>
    public static int Size(this ElementType element) => element == ElementType.BF16 ? 2 : 4;

    /// <summary>16-byte words of a row, as kernels that only copy count it.</summary>
    /// <exception cref="ArgumentException">The row is not whole words.</exception>
    public static int Words(this ElementType element, int columns) => columns * element.Size() % WordBytes == 0
        ? columns * element.Size() / WordBytes
        : throw new ArgumentException($"rows are copied in whole {WordBytes}-byte words, and {columns} columns of {element.Suffix()} are not");

    /// <summary>Its name in instance names: "bf16", "f32".</summary>
    public static string Suffix(this ElementType element) => element == ElementType.BF16 ? "bf16" : "f32";
}
