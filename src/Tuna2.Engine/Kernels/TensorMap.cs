using System.Runtime.CompilerServices;

namespace Tuna2.Engine.Kernels;

/// <summary>The TensorMap of kernels/common/hopper.cuh: what the copy engine is told of a tensor. Its bytes are the driver's own.</summary>
[InlineArray(Size)]
public struct TensorMap
{
    /// <summary>Bytes of a map.</summary>
    public const int Size = 128;

    private byte _first;
}

/// <summary>Makes tensor maps for whatever runs kernels: the driver, or the host runner.</summary>
public interface ITensorMaps
{
    /// <summary>
    /// The map of a bfloat16 matrix, row-major and without gaps, copied by boxes whose rows are <see cref="PanelColumns"/> elements, swizzled by 128 bytes;
    /// what a box has outside the matrix becomes zeros.
    /// </summary>
    /// <param name="address">Its first element, at a multiple of 16 bytes.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="columns">Its columns, a multiple of 8.</param>
    /// <param name="boxRows">Rows of a box, up to 256.</param>
    /// <exception cref="DeviceException">The driver refuses it.</exception>
    TensorMap MapOf(ulong address, int rows, int columns, int boxRows);

    /// <summary>
    /// The map of a bfloat16 matrix of two halves, gate rows and up rows: a box is eight rows of the one and the same eight of the other, eight times over.
    /// </summary>
    /// <param name="address">Its first element, at a multiple of 16 bytes.</param>
    /// <param name="rows">Rows of a half, a multiple of 8.</param>
    /// <param name="columns">Its columns, a multiple of 8.</param>
    /// <exception cref="DeviceException">The driver refuses it.</exception>
    TensorMap MapOfPairs(ulong address, int rows, int columns);

    /// <summary>Columns of a box: 128 bytes.</summary>
    public const int PanelColumns = 64;
}
