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
/// <param name="Element">Of x and w, or what those stand for.</param>
/// <param name="Output">Of y and the residual.</param>
/// <param name="Bias">A vector is added to every row.</param>
/// <param name="Residual">A matrix like y is added.</param>
/// <param name="Activation">What sum and bias go through.</param>
/// <param name="Fp8">x and w are eight-bit floats (E4M3), and every row of them has a float32 scale.</param>
internal readonly record struct ProductShape(int M, int N, int K, ElementType Element, ElementType Output, bool Bias, bool Residual, Activation Activation = Activation.None, bool Fp8 = false)
{
    /// <summary>What x and w are called: "bf16", "f32", "e4m3".</summary>
    public string ElementName => Fp8 ? "e4m3" : Element.Suffix();

    /// <summary>Bytes of an element of x and w.</summary>
    public int ElementSize => Fp8 ? sizeof(byte) : Element.Size();

    /// <summary>Floating-point operations and bytes, at least.</summary>
    public Cost Cost => MatMulCost.Of(M, N, K, Activation, ElementSize, Output.Size());

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{M}x{N}x{K} {ElementName}{(Output == Element && !Fp8 ? "" : $" to {Output.Suffix()}")}{(Bias ? ", bias" : "")}{(Activation == Activation.None ? "" : $", {Activation.Suffix()[1..]}")}{(Residual ? ", residual" : "")}");
}
