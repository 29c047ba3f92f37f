using System.Runtime.InteropServices;
using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/matmul_hopper.cu, as long as its alignment makes it.</summary>
[StructLayout(LayoutKind.Sequential, Size = 512)]
public struct MatMulHopperArgs
{
    /// <summary>(m, k), in boxes of <see cref="MatMulHopper.Tokens"/> rows.</summary>
    public TensorMap X;
    /// <summary>The same in boxes of <see cref="MatMulHopper.Tail"/> rows.</summary>
    public TensorMap XTail;
    /// <summary>(n, k), in boxes of <see cref="MatMulHopper.Weights"/> rows; with SwiGLU (2n, k), as <see cref="ITensorMaps.MapOfPairs"/> has it.</summary>
    public TensorMap W;
    /// <summary>bf16* (m, n).</summary>
    public ulong Y;
    /// <summary>What follows, in bfloat16.</summary>
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

/// <summary>Host side of kernels/matmul_hopper.cu (bfloat16).</summary>
/// <param name="Activation">None, or SwiGLU: y is silu(gate) * up.</param>
/// <param name="Multiprocessors">Of the GPU: as many blocks share the tiles.</param>
public readonly record struct MatMulHopper(Activation Activation, int Multiprocessors) : IKernel<MatMulHopperArgs>
{
    /// <summary>Weight rows of a tile.</summary>
    public const int Weights = 128;

    /// <summary>Rows of x of a tile.</summary>
    public const int Tokens = 256;

    /// <summary>As many rows behind a whole tile make it longer instead of another.</summary>
    public const int Tail = 8;

    private const int Consumers = 2, Stages = 4, Depth = 64, PartRows = 32, Block = (1 + Consumers) * 128, BarrierBytes = 8;

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get($"matmul_hopper{Activation.Suffix()}");

    /// <summary>Whether it has such a product: whole vectors in both of the weight's dimensions, and no activation but SwiGLU.</summary>
    public static bool Takes(int n, int k, Activation activation = Activation.None) => n % 8 == 0 && k % 8 == 0 && activation is Activation.None or Activation.SwiGlu;

    /// <inheritdoc/>
    public LaunchShape Shape(in MatMulHopperArgs args)
    {
        if (!Takes(args.N, args.K))
            throw new ArgumentException($"matmul_hopper takes rows and columns of a weight by eights, not {args.N} x {args.K}");
        var outputs = Weights / Activation.Products();
        var rest = args.M % Tokens;
        var tiles = (args.M / Tokens + (rest > 0 && (rest > Tail || args.M < Tokens) ? 1 : 0)) * ((args.N + outputs - 1) / outputs);
        var panels = Stages * (Weights + Tokens + Tail) * Depth * sizeof(ushort);
        var parts = PartRows * (outputs + Consumers * 4) * sizeof(float);
        return new(Math.Min(tiles, Multiprocessors), 1, 1, Block, (panels + parts + 2 * Stages * BarrierBytes + 1023) / 1024 * 1024);
    }

    /// <inheritdoc/>
    public Cost Cost(in MatMulHopperArgs args) => MatMulCost.Of(args.M, args.N, args.K, Activation, sizeof(ushort), sizeof(ushort));
}
