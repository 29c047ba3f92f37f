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
    /// <summary>Bytes of an element.</summary>
    public static int Size(this ElementType element) => element == ElementType.BF16 ? 2 : 4;

    /// <summary>Its name in instance names: "bf16", "f32".</summary>
    public static string Suffix(this ElementType element) => element == ElementType.BF16 ? "bf16" : "f32";
}
