using System.Runtime.InteropServices;
using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/gemv.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct GemvArgs
{
    /// <summary>const ELEMENT* (m, k).</summary>
    public ulong X;
    /// <summary>const void* (n or 2n, k), checkpoint layout: elements, or the words of a quantized weight.</summary>
    public ulong W;
    /// <summary>const void* (n or 2n, groups): of a quantized weight, else 0.</summary>
    public ulong Scales;
    /// <summary>OUTPUT* (m, n).</summary>
    public ulong Y;
    /// <summary>What follows.</summary>
    public EpilogueArgs Epilogue;
    /// <summary>Rows.</summary>
    public int M;
    /// <summary>Output columns.</summary>
    public int N;
    /// <summary>Inner dimension.</summary>
    public int K;
    /// <summary>Unused: fills the last eight bytes.</summary>
    public int Padding;
}

/// <summary>Host side of kernels/gemv.cu.</summary>
/// <param name="Element">Element type of input and weight.</param>
/// <param name="Output">Element type of the output.</param>
/// <param name="Activation">What the sum and its bias go through, where the output has the element type of the input; with SwiGLU y is silu(gate) * up.</param>
/// <param name="Quantized">What the weight is quantized to, its activations being bfloat16 and without an activation; null where it has the element type.</param>
public readonly record struct Gemv(ElementType Element, ElementType Output, Activation Activation = Activation.None, Precision? Quantized = null) : IKernel<GemvArgs>
{
    /// <summary>The most rows.</summary>
    public const int MaxRows = Graph.Ops.MatMul.FewRows;

    private const int Block = 128, Warps = Block / 32;

    /// <summary>Of the output; a warp reads two rows of a quantized weight side by side.</summary>
    private int ColumnsPerBlock => Quantized is null || Activation == Activation.SwiGlu ? Warps : 2 * Warps;

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get(
        $"gemv_{Element.Suffix()}{(Output != Element ? $"_to_{Output.Suffix()}" : "")}{Activation.Suffix()}{Quantized.Suffix()}");

    /// <inheritdoc/>
    public LaunchShape Shape(in GemvArgs args) => args.M <= MaxRows && args.K % (16 / Element.Size()) == 0
        ? new((args.N + ColumnsPerBlock - 1) / ColumnsPerBlock, 1, 1, Block)
        : throw new ArgumentException($"gemv takes up to {MaxRows} rows of whole 16-byte vectors, not {args.M} of {args.K}");

    /// <inheritdoc/>
    public Cost Cost(in GemvArgs args) => MatMulCost.Of(args.M, args.N, args.K, Activation, Element.Size(), Output.Size(), Quantized);
}
