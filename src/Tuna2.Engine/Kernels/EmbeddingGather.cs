using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/embedding_gather.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct EmbeddingGatherArgs
{
    /// <summary>const int* (rows); -1 leaves a row alone.</summary>
    public ulong Tokens;
    /// <summary>const ELEMENT* (vocabulary, dim).</summary>
    public ulong Table;
    /// <summary>ELEMENT* (rows, dim).</summary>
    public ulong Y;
    /// <summary>Elements of a row, a multiple of the 16-byte vector.</summary>
    public int Dim;
    /// <summary>Unused: fills the last eight bytes.</summary>
    public int Padding;
}

/// <summary>Host side of kernels/embedding_gather.cu.</summary>
/// <param name="Element">Element type of table and rows.</param>
/// <param name="Rows">Rows of the batch.</param>
public readonly record struct EmbeddingGather(ElementType Element, int Rows) : IKernel<EmbeddingGatherArgs>
{
    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get($"embedding_gather_{Element.Suffix()}");

    /// <inheritdoc/>
    public LaunchShape Shape(in EmbeddingGatherArgs args) => args.Dim % (16 / Element.Size()) == 0
        ? new(Rows, 1, 1, 128)
        : throw new ArgumentException($"embedding_gather takes rows of whole 16-byte vectors, not of {args.Dim}");

    /// <inheritdoc/>
    public Cost Cost(in EmbeddingGatherArgs args) => new(2L * Rows * args.Dim * Element.Size(), 0);
}
