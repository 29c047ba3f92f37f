using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/attention_decode.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct AttentionDecodeArgs
{
    /// <summary>const ELEMENT*: the first heads x D columns of rows of RowColumns, a row per sequence.</summary>
    public ulong Queries;
    /// <summary>const ELEMENT* (capacity, kv_heads D).</summary>
    public ulong Keys;
    /// <summary>const ELEMENT* (capacity, kv_heads D).</summary>
    public ulong Values;
    /// <summary>ELEMENT* (rows, heads D).</summary>
    public ulong Y;
    /// <summary>const Sequence*.</summary>
    public ulong Sequences;
    /// <summary>float* (sequences, kv_heads, splits, group, D + 2).</summary>
    public ulong Parts;
    /// <summary>int* (sequences, kv_heads), zero.</summary>
    public ulong Finished;
    /// <summary>Columns of a row of the projection.</summary>
    public int RowColumns;
    /// <summary>Query heads.</summary>
    public int Heads;
    /// <summary>Key heads.</summary>
    public int KvHeads;
    /// <summary>log2(e) / sqrt(D).</summary>
    public float Scale;
}

/// <summary>Host side of kernels/attention_decode.cu.</summary>
/// <param name="Element">Element type.</param>
/// <param name="HeadDim">Elements of a head: 64 or 128.</param>
/// <param name="Sequences">Sequences of one row each.</param>
/// <param name="Splits">Blocks that share a key head's keys.</param>
/// <param name="Work">How much there is to attend to, for the cost.</param>
public readonly record struct AttentionDecode(ElementType Element, int HeadDim, int Sequences, int Splits, AttentionWork Work) : IKernel<AttentionDecodeArgs>
{
    /// <summary>The most query heads per key head.</summary>
    public const int MaxGroup = 7;

    private const int Warps = 4;

    /// <summary>Whether there is an instance for such heads.</summary>
    public static bool Takes(int headDim, int group) => headDim is 64 or 128 && group <= MaxGroup;

    /// <summary>Floats of scratch that <see cref="AttentionDecodeArgs.Parts"/> needs.</summary>
    public int PartFloats(int heads) => Sequences * Splits * heads * (HeadDim + 2);

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get($"attention_decode_{Element.Suffix()}_d{HeadDim}");

    /// <inheritdoc/>
    public LaunchShape Shape(in AttentionDecodeArgs args) => args.Heads / args.KvHeads <= MaxGroup
        ? new(Splits, args.KvHeads, Sequences, Warps * 32, (Warps * MaxGroup * (HeadDim + 2) + 1) * sizeof(float))
        : throw new ArgumentException($"attention_decode takes up to {MaxGroup} query heads per key head, not {args.Heads / args.KvHeads}");

    /// <inheritdoc/>
    public Cost Cost(in AttentionDecodeArgs args) => AttentionCost.Of(args.Heads, args.KvHeads, HeadDim, Work, Element.Size());
}
