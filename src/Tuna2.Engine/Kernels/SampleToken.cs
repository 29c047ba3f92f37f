using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/sample_token.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct SampleTokenArgs
{
    /// <summary>const float* (vocabulary).</summary>
    public ulong Logits;
    /// <summary>int* (1); -1 for a row no token can be taken from.</summary>
    public ulong Token;
    /// <summary>const u64* (1): which number of the seed.</summary>
    public ulong Draw;
    /// <summary>Seed of the draws.</summary>
    public ulong Seed;
    /// <summary>Tokens.</summary>
    public int Vocabulary;
    /// <summary>0: all.</summary>
    public int TopK;
    /// <summary>1: all.</summary>
    public float TopP;
    /// <summary>0: greedy.</summary>
    public float Temperature;
}

/// <summary>Host side of kernels/sample_token.cu.</summary>
public readonly record struct SampleToken : IKernel<SampleTokenArgs>
{
    private const int Block = 1024, Warps = Block / 32;

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get("sample_token");

    /// <inheritdoc/>
    public LaunchShape Shape(in SampleTokenArgs args) => new(1, 1, 1, Block, (Warps + Block + Warps) * sizeof(float));

    /// <inheritdoc/>
    public Cost Cost(in SampleTokenArgs args) => new((long)args.Vocabulary * sizeof(float), args.Vocabulary);
}
