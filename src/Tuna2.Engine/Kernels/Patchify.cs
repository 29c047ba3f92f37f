using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>Where a picture's patches go: the PatchPlacement of kernels/patchify.cu.</summary>
/// <param name="Picture">Slot of the picture.</param>
/// <param name="FirstRow">Row of its first patch.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct PatchRows(int Picture, int FirstRow);

/// <summary>The argument of kernels/patchify.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct PatchifyArgs
{
    /// <summary>const float* (slots, 3, height, width).</summary>
    public ulong Pictures;
    /// <summary>const u8* (slots, height, width, 3), or 0 to read the pictures.</summary>
    public ulong Bytes;
    /// <summary>const ELEMENT* (dim, 768).</summary>
    public ulong W;
    /// <summary>const float* (dim).</summary>
    public ulong Bias;
    /// <summary>const float* (dim).</summary>
    public ulong Norm;
    /// <summary>ELEMENT* (rows, dim).</summary>
    public ulong Y;
    /// <summary>const PatchPlacement* (placements).</summary>
    public ulong Places;
    /// <summary>Rows of a picture, a multiple of 16.</summary>
    public int Height;
    /// <summary>Columns of a picture, a multiple of 16.</summary>
    public int Width;
    /// <summary>Features, a multiple of 64.</summary>
    public int Dim;
    /// <summary>Of the norm.</summary>
    public float Epsilon;
}

/// <summary>Host side of kernels/patchify.cu.</summary>
/// <param name="Element">Element type of weight and rows.</param>
/// <param name="Placements">Spans to fill.</param>
public readonly record struct Patchify(ElementType Element, int Placements) : IKernel<PatchifyArgs>
{
    private const int Patch = 16, Depth = 3 * Patch * Patch, PatchesPerBlock = 16, Block = 256;

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get($"patchify_{Element.Suffix()}");

    /// <inheritdoc/>
    public LaunchShape Shape(in PatchifyArgs args) => args.Dim % 64 == 0 && args.Height % Patch == 0 && args.Width % Patch == 0
        ? new((Patches(args) + PatchesPerBlock - 1) / PatchesPerBlock, Placements, 1, Block,
            PatchesPerBlock * (Depth * Element.Size() + 16) + Block / 32 * PatchesPerBlock * sizeof(float))
        : throw new ArgumentException($"patchify makes features in groups of 64 of whole {Patch} x {Patch} patches, not {args.Dim} of {args.Width} x {args.Height}");

    /// <inheritdoc/>
    public Cost Cost(in PatchifyArgs args)
    {
        long patches = (long)Patches(args) * Placements, features = patches * args.Dim;
        return new(patches * Depth * sizeof(float) + (long)args.Dim * Depth * Element.Size() + 3 * features * Element.Size(), 2 * features * Depth);
    }

    private static int Patches(in PatchifyArgs args) => args.Height / Patch * (args.Width / Patch);
}
