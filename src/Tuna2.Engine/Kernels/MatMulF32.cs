using System.Runtime.InteropServices;
using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/matmul_f32.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct MatMulF32Args
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

/// <summary>Host side of kernels/matmul_f32.cu.</summary>
/// <param name="Activation">What the sum and its bias go through, where the output has the element type of the input; with SwiGLU y is silu(gate) * up.</param>
public readonly record struct MatMulF32(Activation Activation = Activation.None) : IKernel<MatMulF32Args>
{
    private const int Tile = 64, Depth = 16, Block = 256;

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get($"matmul_f32{Activation.Suffix()}");

    /// <inheritdoc/>
    public LaunchShape Shape(in MatMulF32Args args)
    {
        if (args.K % 4 != 0)
            throw new ArgumentException($"matmul_f32 takes an inner dimension in 16-byte vectors, not {args.K}");
        var columns = Tile / Activation.Products();
        return new((args.M + Tile - 1) / Tile, (args.N + columns - 1) / columns, 1, Block, 2 * Depth * (Tile + 2) * sizeof(float));
    }

    /// <inheritdoc/>
    public Cost Cost(in MatMulF32Args args) => MatMulCost.Of(args.M, args.N, args.K, Activation, sizeof(float), sizeof(float));
}
