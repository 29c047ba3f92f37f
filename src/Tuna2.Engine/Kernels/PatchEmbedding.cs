using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/patch_embedding.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct PatchEmbeddingArgs
{
    /// <summary>const float* (slots, channels, frames, height, width).</summary>
    public ulong Pictures;
    /// <summary>const ELEMENT* (side, side, dim).</summary>
    public ulong Table;
    /// <summary>ELEMENT* (pictures x frames x patches, channels patch^2).</summary>
    public ulong Gathered;
    /// <summary>ELEMENT* (pictures x frames x patches, dim).</summary>
    public ulong Y;
    /// <summary>const PatchRows* (pictures); their rows are not read.</summary>
    public ulong Places;
    /// <summary>Planes of a picture.</summary>
    public int Channels;
    /// <summary>Frames of a picture.</summary>
    public int Frames;
    /// <summary>Rows of a picture, whole patches.</summary>
    public int Height;
    /// <summary>Columns of a picture, whole patches.</summary>
    public int Width;
    /// <summary>Side of a patch.</summary>
    public int Patch;
    /// <summary>Side of the table.</summary>
    public int Side;
    /// <summary>Features, a multiple of the 16-byte vector.</summary>
    public int Dim;
    /// <summary>Unused: fills the last eight bytes.</summary>
    public int Padding;
}

/// <summary>Host side of kernels/patch_embedding.cu.</summary>
/// <param name="Element">Element type of table and rows.</param>
/// <param name="Pictures">Pictures whose patches are wanted.</param>
public readonly record struct PatchEmbedding(ElementType Element, int Pictures) : IKernel<PatchEmbeddingArgs>
{
    private const int Block = 128;

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get($"patch_embedding_{Element.Suffix()}");

    /// <inheritdoc/>
    public LaunchShape Shape(in PatchEmbeddingArgs args) => args.Dim % (16 / Element.Size()) == 0 && args.Height % args.Patch == 0 && args.Width % args.Patch == 0
        ? new(Patches(args), Pictures * args.Frames, 1, Block)
        : throw new ArgumentException($"patch_embedding takes features in whole 16-byte vectors and whole patches of {args.Patch}, not {args.Dim} of {args.Width} x {args.Height}");

    /// <inheritdoc/>
    public Cost Cost(in PatchEmbeddingArgs args)
    {
        long patches = (long)Patches(args) * Pictures * args.Frames, depth = args.Channels * args.Patch * args.Patch;
        var resized = args.Height / args.Patch != args.Side || args.Width / args.Patch != args.Side;
        return new(
            patches * depth * (sizeof(float) + Element.Size()) + ((long)args.Side * args.Side + patches) * args.Dim * Element.Size(),
            resized ? 2 * 20 * patches * args.Dim : 0);
    }

    private static int Patches(in PatchEmbeddingArgs args) => args.Height / args.Patch * (args.Width / args.Patch);
}
