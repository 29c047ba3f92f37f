using System.Runtime.CompilerServices;
using Tuna2.Engine.Interop;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Cuda;

/// <summary>Tensor maps by the driver, for the copy engine of sm_90 and newer.</summary>
internal sealed unsafe class CudaTensorMaps(CudaContext context) : ITensorMaps
{
    /// <summary>What the driver wants the map it writes aligned to.</summary>
    private const int MapAlignment = 64;

    /// <inheritdoc/>
    public TensorMap MapOf(ulong address, int rows, int columns, int boxRows)
    {
        var memory = stackalloc byte[TensorMap.Size + MapAlignment];
        var map = (byte*)(((nuint)memory + MapAlignment - 1) / MapAlignment * MapAlignment);
        // Innermost first; the stride of the innermost is not given.
        var sizes = stackalloc ulong[] { (ulong)columns, (ulong)rows };
        var strides = stackalloc ulong[] { (ulong)columns * sizeof(ushort) };
        var box = stackalloc uint[] { ITensorMaps.PanelColumns, (uint)boxRows };
        var steps = stackalloc uint[] { 1, 1 };
        using var _ = context.Enter();
        context.Check(
            context.Api.cuTensorMapEncodeTiled(map, Libcuda.CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 2, address, sizes, strides, box, steps,
                Libcuda.CU_TENSOR_MAP_INTERLEAVE_NONE, Libcuda.CU_TENSOR_MAP_SWIZZLE_128B, Libcuda.CU_TENSOR_MAP_L2_PROMOTION_L2_256B, Libcuda.CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
            nameof(Libcuda.cuTensorMapEncodeTiled));
        return Unsafe.Read<TensorMap>(map);
    }
}
