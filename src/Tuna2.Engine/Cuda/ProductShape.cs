using System.Globalization;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Cuda;

/// <summary>
/// What decides how a product is best computed: y (m, n) = x (m, k) w (n, k)^T, + bias, through an activation, + residual. Everything
/// row by row, as the checkpoint has it.
/// </summary>
/// <param name="M">Rows.</param>
/// <param name="N">Output columns.</param>
/// <param name="K">Inner dimension.</param>
/// <param name="Element">Of x and w; with E4M3 every row of them has a scale.</param>
/// <param name="Output">Of y and the residual.</param>
/// <param name="Bias">A vector is added to every row.</param>
/// <param name="Residual">A matrix like y is added.</param>
/// <param name="Activation">What sum and bias go through.</param>
internal readonly record struct ProductShape(int M, int N, int K, ElementType Element, ElementType Output, bool Bias, bool Residual, Activation Activation = Activation.None)
{
    /// <summary>Floating-point operations and bytes, at least.</summary>
    public Cost Cost => MatMulCost.Of(M, N, K, Activation, Element.Size(), Output.Size());

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{M}x{N}x{K} {Element.Suffix()}{(Output == Element ? "" : $" to {Output.Suffix()}")}{(Bias ? ", bias" : "")}{(Activation == Activation.None ? "" : $", {Activation.Suffix()[1..]}")}{(Residual ? ", residual" : "")}");
}
