using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/kv_to_cache.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct KvToCacheArgs
{
    /// <summary>const uint4* (rows, row_words): queries, keys, values.</summary>
    public ulong Qkv;
    /// <summary>uint4* (rows, kv_words).</summary>
    public ulong Keys;
    /// <summary>uint4* (rows, kv_words).</summary>
    public ulong Values;
    /// <summary>16-byte words of a row of the projection.</summary>
    public int RowWords;
    /// <summary>16-byte words of a row's keys.</summary>
    public int KvWords;
}

/// <summary>Host side of kernels/kv_to_cache.cu.</summary>
/// <param name="Rows">Rows.</param>
public readonly record struct KvToCache(int Rows) : IKernel<KvToCacheArgs>
{
    private const int Block = 128, WordBytes = 16;

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get("kv_to_cache");

    /// <inheritdoc/>
    public LaunchShape Shape(in KvToCacheArgs args) => new(Rows, (2 * args.KvWords + Block - 1) / Block, 1, Block);

    /// <inheritdoc/>
    public Cost Cost(in KvToCacheArgs args) => new(4L * Rows * args.KvWords * WordBytes, 0);
}
