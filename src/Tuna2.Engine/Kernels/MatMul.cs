using System.Runtime.InteropServices;
using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/matmul.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct MatMulArgs
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

/// <summary>Host side of kernels/matmul.cu (bfloat16).</summary>
/// <param name="ToF32">The output is float32, not bfloat16.</param>
/// <param name="Activation">What the sum and its bias go through, where the output has the element type of the input; with SwiGLU y is silu(gate) * up.</param>
/// <param name="Quantized">What the weight is quantized to, its activations being bfloat16 and without an activation; null where it has the element type.</param>
public readonly record struct MatMul(bool ToF32, Activation Activation = Activation.None, Precision? Quantized = null) : IKernel<MatMulArgs>
{
    private const int Tile = 128, BlockK = 32, Stages = 4, Block = 256;

    /// <summary>Tiles that quantized weights are widened into, in turns.</summary>
    private const int Widened = 2;

    /// <summary>The stages of both operands; a quantized one's as it lies in memory, and the tiles beside them.</summary>
    private int SharedBytes => Tile * (Quantized is { } precision
        ? (Stages + Widened) * BlockK * sizeof(ushort) + Stages * (int)precision.RowBytes(BlockK)
        : 2 * Stages * BlockK * sizeof(ushort));

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get($"matmul_bf16{(ToF32 ? "_to_f32" : "")}{Activation.Suffix()}{Quantized.Suffix()}");

    /// <inheritdoc/>
    public LaunchShape Shape(in MatMulArgs args)
    {
        if (args.K % 8 != 0)
            throw new ArgumentException($"matmul takes an inner dimension in 16-byte vectors, not {args.K}");
        var columns = Tile / Activation.Products();
        return new((args.M + Tile - 1) / Tile, (args.N + columns - 1) / columns, 1, Block, SharedBytes);
    }

    /// <inheritdoc/>
    public Cost Cost(in MatMulArgs args) => MatMulCost.Of(args.M, args.N, args.K, Activation, sizeof(ushort), ToF32 ? sizeof(float) : sizeof(ushort), Quantized);
}
