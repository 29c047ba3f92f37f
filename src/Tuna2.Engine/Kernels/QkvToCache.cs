using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/qkv_to_cache.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct QkvToCacheArgs
{
    /// <summary>ELEMENT* (rows, (heads + 2 kv_heads) D); queries are updated in place.</summary>
    public ulong Qkv;
    /// <summary>ELEMENT* (capacity, kv_heads D).</summary>
    public ulong Keys;
    /// <summary>ELEMENT* (capacity, kv_heads D).</summary>
    public ulong Values;
    /// <summary>const float* (D), or 0: no norms.</summary>
    public ulong QueryNorm;
    /// <summary>const float* (D).</summary>
    public ulong KeyNorm;
    /// <summary>const float2* (positions, D/2) of cosine and sine.</summary>
    public ulong Text;
    /// <summary>const float2* (frames, D/8), or 0: every row is text.</summary>
    public ulong Frames;
    /// <summary>const float2* (longest side, 3D/16).</summary>
    public ulong Sides;
    /// <summary>const Sequence*.</summary>
    public ulong Sequences;
    /// <summary>const int* (rows).</summary>
    public ulong RowSequence;
    /// <summary>Query heads.</summary>
    public int Heads;
    /// <summary>Key heads.</summary>
    public int KvHeads;
    /// <summary>Of the norms.</summary>
    public float Epsilon;
    /// <summary>Unused: fills the last eight bytes.</summary>
    public int Padding;
}

/// <summary>Host side of kernels/qkv_to_cache.cu.</summary>
/// <param name="Element">Element type of rows and caches.</param>
/// <param name="HeadDim">Elements of a head: 64 or 128.</param>
/// <param name="Rows">Rows.</param>
public readonly record struct QkvToCache(ElementType Element, int HeadDim, int Rows) : IKernel<QkvToCacheArgs>
{
    private const int Block = 128, HeadsPerBlock = Block / 32;

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get($"qkv_to_cache_{Element.Suffix()}_d{HeadDim}");

    /// <inheritdoc/>
    public LaunchShape Shape(in QkvToCacheArgs args) => new(Rows, (args.Heads + 2 * args.KvHeads + HeadsPerBlock - 1) / HeadsPerBlock, 1, Block);

    /// <inheritdoc/>
    public Cost Cost(in QkvToCacheArgs args)
    {
        var elements = (long)Rows * (args.Heads + 2 * args.KvHeads) * HeadDim;
        return new(2 * elements * Element.Size(), 6 * elements);
    }
}
