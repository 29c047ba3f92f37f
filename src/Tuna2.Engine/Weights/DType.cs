using System.Diagnostics.CodeAnalysis;

namespace Tuna2.Engine.Weights;

/// <summary>
/// The element types of the safetensors format, ordered by alignment as in the reference writer, whose files list tensors by
/// falling type and then by name.
/// </summary>
[SuppressMessage("Naming", "CA1720:Identifier contains type name", Justification = "These are the format's own names.")]
public enum DType
{
    /// <summary>One byte, 0 or 1.</summary>
    Bool,
    /// <summary>Unsigned 8-bit integer.</summary>
    U8,
    /// <summary>Signed 8-bit integer.</summary>
    I8,
    /// <summary>8-bit float, 5 exponent bits, 2 mantissa bits.</summary>
    F8E5M2,
    /// <summary>8-bit float, 4 exponent bits, 3 mantissa bits.</summary>
    F8E4M3,
    /// <summary>Signed 16-bit integer.</summary>
    I16,
    /// <summary>Unsigned 16-bit integer.</summary>
    U16,
    /// <summary>IEEE half precision.</summary>
    F16,
    /// <summary>The upper half of a float32.</summary>
    BF16,
    /// <summary>Signed 32-bit integer.</summary>
    I32,
    /// <summary>Unsigned 32-bit integer.</summary>
    U32,
    /// <summary>IEEE single precision.</summary>
    F32,
    /// <summary>IEEE double precision.</summary>
    F64,
    /// <summary>Signed 64-bit integer.</summary>
    I64,
    /// <summary>Unsigned 64-bit integer.</summary>
    U64,
}

/// <summary>Sizes and file names of <see cref="DType"/>.</summary>
public static class DTypes
{
    // Indexed by DType: a name in the header and the bytes of one element.
    private static readonly (string Name, int Size)[] Table =
    [
        ("BOOL", 1), ("U8", 1), ("I8", 1), ("F8_E5M2", 1), ("F8_E4M3", 1), ("I16", 2), ("U16", 2), ("F16", 2), ("BF16", 2),
        ("I32", 4), ("U32", 4), ("F32", 4), ("F64", 8), ("I64", 8), ("U64", 8),
    ];

    /// <summary>Bytes of one element.</summary>
    public static int Size(this DType dtype) => Table[(int)dtype].Size;

    /// <summary>The name in a safetensors header, such as <c>BF16</c>.</summary>
    public static string Name(this DType dtype) => Table[(int)dtype].Name;

    /// <summary>The type of that name in a safetensors header (case matters); false when there is none.</summary>
    public static bool TryParse(string? name, out DType dtype)
    {
        var index = Array.FindIndex(Table, entry => entry.Name == name);
        dtype = (DType)Math.Max(index, 0);
        return index >= 0;
    }
}
