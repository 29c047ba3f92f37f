using System.Runtime.InteropServices;
using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/gemv.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct GemvArgs
{
    /// <summary>const ELEMENT* (m, k).</summary>
    public ulong X;
    /// <summary>const ELEMENT* (n or 2n, k), checkpoint layout.</summary>
    public ulong W;
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
/// <param name="SwiGlu">The weight holds gate rows, then up rows, and y is silu(gate) * up.</param>
/// <param name="Activation">What the sum and its bias go through, where the output has the element type of the input.</param>
public readonly record struct Gemv(ElementType Element, ElementType Output, bool SwiGlu, Activation Activation = Activation.None) : IKernel<GemvArgs>
{
    /// <summary>The most rows.</summary>
    public const int MaxRows = 4;

    private const int Block = 128, ColumnsPerBlock = Block / 32;

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get(
        $"gemv_{Element.Suffix()}{(Output != Element ? $"_to_{Output.Suffix()}" : "")}{(SwiGlu ? "_swiglu" : "")}{Activation.Suffix()}");

    /// <inheritdoc/>
    public LaunchShape Shape(in GemvArgs args) => args.M <= MaxRows && args.K % (16 / Element.Size()) == 0
        ? new((args.N + ColumnsPerBlock - 1) / ColumnsPerBlock, 1, 1, Block)
        : throw new ArgumentException($"gemv takes up to {MaxRows} rows of whole 16-byte vectors, not {args.M} of {args.K}");

    /// <inheritdoc/>
    public Cost Cost(in GemvArgs args) => MatMulCost.Of(args.M, args.N, args.K, SwiGlu, Element.Size(), Output.Size());
}
