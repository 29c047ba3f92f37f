using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Kernels;

/// <summary>What a product costs at least, whatever kernel computes it.</summary>
internal static class MatMulCost
{
    /// <summary>Each operand read once, the output written once.</summary>
    public static Cost Of(long m, long n, long k, Activation activation, int elementSize, int outputSize)
    {
        var rows = n * activation.Products();
        return new((m * k + rows * k) * elementSize + m * n * outputSize, 2 * m * rows * k);
    }
}
