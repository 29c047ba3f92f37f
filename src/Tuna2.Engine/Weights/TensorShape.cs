using System.Globalization;

namespace Tuna2.Engine.Weights;

/// <summary>Arithmetic and text of shapes that come from files, where any number may stand.</summary>
internal static class TensorShape
{
    /// <summary>
    /// The number of elements; false for a negative dimension or one whose product with the others passes 2^63. A zero does not
    /// hide an overflow beside it, so a shape is good or bad whatever the order of its dimensions.
    /// </summary>
    public static bool TryCount(IReadOnlyList<long> shape, out long count)
    {
        count = 0;
        long product = 1;
        var empty = false;
        for (var i = 0; i < shape.Count; i++)
        {
            var size = shape[i];
            if (size < 0) return false;
            if (size == 0)
            {
                empty = true;
                continue;
            }
            if (product > long.MaxValue / size) return false;
            product *= size;
        }
        count = empty ? 0 : product;
        return true;
    }

    /// <summary>The bytes of a tensor; false when <see cref="TryCount"/> fails or the bytes pass 2^63.</summary>
    public static bool TryByteLength(IReadOnlyList<long> shape, DType dtype, out long bytes)
    {
        bytes = 0;
        if (!TryCount(shape, out var count) || count > long.MaxValue / dtype.Size()) return false;
        bytes = count * dtype.Size();
        return true;
    }

    /// <summary>The shape as in a message: <c>[3584, 18944]</c>.</summary>
    public static string Text(IEnumerable<long> shape) =>
        $"[{string.Join(", ", shape.Select(size => size.ToString(CultureInfo.InvariantCulture)))}]";
}
