using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Kernels;

/// <summary>What a product costs at least, whatever kernel computes it.</summary>
internal static class MatMulCost
{
    /// <summary>Each operand read once, the output written once.</summary>
    public static Cost Of(long m, long n, int k, Activation activation, int elementSize, int outputSize, Precision? quantized = null)
    {
        var rows = n * activation.Products();
        var row = quantized is { } precision
            ? precision.RowBytes(k) + (k + precision.ScaleColumns(k) - 1) / precision.ScaleColumns(k) * precision.ScaleBytes()
            : (long)k * elementSize;
        return new(m * k * elementSize + rows * row + m * n * outputSize, 2 * m * rows * k);
    }
}
