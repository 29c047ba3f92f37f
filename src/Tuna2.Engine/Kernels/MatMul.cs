using System.Runtime.InteropServices;
using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/matmul.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct MatMulArgs
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

/// <summary>Host side of kernels/matmul.cu (bfloat16).</summary>
/// <param name="ToF32">The output is float32, not bfloat16.</param>
/// <param name="Activation">What the sum and its bias go through, where the output has the element type of the input; with SwiGLU y is silu(gate) * up.</param>
public readonly record struct MatMul(bool ToF32, Activation Activation = Activation.None) : IKernel<MatMulArgs>
{
    private const int Tile = 128, BlockK = 32, Stages = 4, Block = 256;

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get($"matmul_bf16{(ToF32 ? "_to_f32" : "")}{Activation.Suffix()}");

    /// <inheritdoc/>
    public LaunchShape Shape(in MatMulArgs args)
    {
        if (args.K % 8 != 0)
            throw new ArgumentException($"matmul takes an inner dimension in 16-byte vectors, not {args.K}");
        var columns = Tile / Activation.Products();
        return new((args.M + Tile - 1) / Tile, (args.N + columns - 1) / columns, 1, Block, Stages * 2 * Tile * BlockK * sizeof(ushort));
    }

    /// <inheritdoc/>
    public Cost Cost(in MatMulArgs args) => MatMulCost.Of(args.M, args.N, args.K, Activation, sizeof(ushort), ToF32 ? sizeof(float) : sizeof(ushort));
}
