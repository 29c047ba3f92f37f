using System.Runtime.CompilerServices;
using Tuna2.Engine.Interop;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Cuda;

/// <summary>Tensor maps by the driver, for the copy engine of sm_90 and newer.</summary>
internal sealed unsafe class CudaTensorMaps(CudaContext context) : ITensorMaps
{
    /// <summary>What the driver wants the map it writes aligned to.</summary>
    private const int MapAlignment = 64;

    /// <summary>Gate rows, and up rows, that lie side by side.</summary>
    private const uint Eight = 8;

    /// <inheritdoc/>
    public TensorMap MapOf(ulong address, int rows, int columns, int boxRows) =>
        Encode(address, [(ulong)columns, (ulong)rows], [(ulong)columns * sizeof(ushort)], [ITensorMaps.PanelColumns, (uint)boxRows]);

    /// <inheritdoc/>
    public TensorMap MapOfPairs(ulong address, int rows, int columns)
    {
        var row = (ulong)columns * sizeof(ushort);
        return Encode(address, [(ulong)columns, Eight, 2, (ulong)rows / Eight], [row, (ulong)rows * row, Eight * row], [ITensorMaps.PanelColumns, Eight, 2, Eight]);
    }

    /// <param name="address">The first element.</param>
    /// <param name="sizes">Innermost first.</param>
    /// <param name="strides">In bytes, of all but the innermost.</param>
    /// <param name="box">Sizes of a box.</param>
    private TensorMap Encode(ulong address, ReadOnlySpan<ulong> sizes, ReadOnlySpan<ulong> strides, ReadOnlySpan<uint> box)
    {
        var memory = stackalloc byte[TensorMap.Size + MapAlignment];
        var map = (byte*)(((nuint)memory + MapAlignment - 1) / MapAlignment * MapAlignment);
        var steps = stackalloc uint[] { 1, 1, 1, 1 };
        using var _ = context.Enter();
        fixed (ulong* size = sizes, stride = strides)
        fixed (uint* side = box)
            context.Check(
                context.Api.cuTensorMapEncodeTiled(map, Libcuda.CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, (uint)sizes.Length, address, size, stride, side, steps,
                    Libcuda.CU_TENSOR_MAP_INTERLEAVE_NONE, Libcuda.CU_TENSOR_MAP_SWIZZLE_128B, Libcuda.CU_TENSOR_MAP_L2_PROMOTION_L2_256B, Libcuda.CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
                nameof(Libcuda.cuTensorMapEncodeTiled));
        return Unsafe.Read<TensorMap>(map);
    }
}
