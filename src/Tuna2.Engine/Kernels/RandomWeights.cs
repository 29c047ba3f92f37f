using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/random_weights.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct RandomWeightsArgs
{
    /// <summary>ELEMENT* (count).</summary>
    public ulong Y;
    /// <summary>Elements, at most 2^32.</summary>
    public long Count;
    /// <summary>Hash of the tensor's name.</summary>
    public uint Id;
    /// <summary>What the elements are about.</summary>
    public float Base;
    /// <summary>How far they are from it at most.</summary>
    public float Scale;
    /// <summary>Of a convolution, its channels.</summary>
    public uint Channels;
    /// <summary>Of a convolution, the taps of a channel; otherwise 1.</summary>
    public uint Taps;
    /// <summary>Unused.</summary>
    public int Padding;
}

/// <summary>Host side of kernels/random_weights.cu.</summary>
/// <param name="Element">Element type.</param>
public readonly record struct RandomWeights(ElementType Element) : IKernel<RandomWeightsArgs>
{
    private const int Block = 256;

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get($"random_weights_{Element.Suffix()}");

    /// <inheritdoc/>
    public LaunchShape Shape(in RandomWeightsArgs args) => new(checked((int)((args.Count + Block - 1) / Block)), 1, 1, Block);

    /// <inheritdoc/>
    public Cost Cost(in RandomWeightsArgs args) => new(args.Count * Element.Size(), 2 * args.Count);
}
