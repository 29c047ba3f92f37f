using System.Runtime.InteropServices;
using Tuna2.Engine.Cuda;

namespace Tuna2.Engine.Interop;

/// <summary>
/// The part of cublasLt.h that is used, under NVIDIA's names: https://docs.nvidia.com/cuda/cublas. A table of function pointers, as
/// <see cref="Libcuda"/> is, so that tests have a library of their own. The same functions and numbers in CUDA 12 and 13. Handles
/// (cublasLtHandle_t, cublasLtMatmulDesc_t, ...) and streams are nint, device addresses ulong. Matrices are column by column.
/// </summary>
internal sealed unsafe class CublasLt
{
    /// <summary>cublasOperation_t: the matrix is used transposed.</summary>
    public const int CUBLAS_OP_T = 1;

    /// <summary>cublasLtEpilogue_t: a vector is added to every column of D.</summary>
    public const uint CUBLASLT_EPILOGUE_BIAS = 4;

    /// <summary>cublasLtEpilogue_t: D goes through GELU in its tanh form. A flag, as the bias is: with both the bias comes first.</summary>
    public const uint CUBLASLT_EPILOGUE_GELU = 32;

    /// <summary>cublasLtReductionScheme_t: partial sums are put together in the compute type, not in the output's.</summary>
    public const uint CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE = 2;

    /// <summary>cublasLtMatmulMatrixScale_t: a float32 for every row of A or column of B. Since 12.9, and of compute capability 9.0 alone.</summary>
    public const int CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F = 3;

    public readonly delegate* unmanaged<nuint> cublasLtGetVersion;
    public readonly delegate* unmanaged<cublasStatus_t, byte*> cublasLtGetStatusName;
    public readonly delegate* unmanaged<cublasStatus_t, byte*> cublasLtGetStatusString;
    public readonly delegate* unmanaged<nint*, cublasStatus_t> cublasLtCreate;
    public readonly delegate* unmanaged<nint, cublasStatus_t> cublasLtDestroy;
    public readonly delegate* unmanaged<nint*, cublasComputeType_t, cudaDataType_t, cublasStatus_t> cublasLtMatmulDescCreate;
    public readonly delegate* unmanaged<nint, cublasLtMatmulDescAttributes_t, void*, nuint, cublasStatus_t> cublasLtMatmulDescSetAttribute;
    public readonly delegate* unmanaged<nint, cublasStatus_t> cublasLtMatmulDescDestroy;
    public readonly delegate* unmanaged<nint*, cudaDataType_t, ulong, ulong, long, cublasStatus_t> cublasLtMatrixLayoutCreate;
    public readonly delegate* unmanaged<nint, cublasStatus_t> cublasLtMatrixLayoutDestroy;
    public readonly delegate* unmanaged<nint*, cublasStatus_t> cublasLtMatmulPreferenceCreate;
    public readonly delegate* unmanaged<nint, cublasLtMatmulPreferenceAttributes_t, void*, nuint, cublasStatus_t> cublasLtMatmulPreferenceSetAttribute;
    public readonly delegate* unmanaged<nint, cublasStatus_t> cublasLtMatmulPreferenceDestroy;
    public readonly delegate* unmanaged<nint, nint, nint, nint, nint, nint, nint, int, cublasLtMatmulHeuristicResult_t*, int*, cublasStatus_t> cublasLtMatmulAlgoGetHeuristic;
    public readonly delegate* unmanaged<nint, nint, nint, nint, nint, nint, cublasLtMatmulAlgo_t*, cublasLtMatmulHeuristicResult_t*, cublasStatus_t> cublasLtMatmulAlgoCheck;
    public readonly delegate* unmanaged<nint, nint, void*, ulong, nint, ulong, nint, void*, ulong, nint, ulong, nint, cublasLtMatmulAlgo_t*, ulong, nuint, nint, cublasStatus_t> cublasLtMatmul;

    /// <summary>Binds every function.</summary>
    /// <exception cref="DeviceException">The library lacks one: it is older than CUDA 12.</exception>
    public CublasLt(LibrarySearch library)
    {
        cublasLtGetVersion = (delegate* unmanaged<nuint>)Export(nameof(cublasLtGetVersion));
        cublasLtGetStatusName = (delegate* unmanaged<cublasStatus_t, byte*>)Export(nameof(cublasLtGetStatusName));
        cublasLtGetStatusString = (delegate* unmanaged<cublasStatus_t, byte*>)Export(nameof(cublasLtGetStatusString));
        cublasLtCreate = (delegate* unmanaged<nint*, cublasStatus_t>)Export(nameof(cublasLtCreate));
        cublasLtDestroy = (delegate* unmanaged<nint, cublasStatus_t>)Export(nameof(cublasLtDestroy));
        cublasLtMatmulDescCreate = (delegate* unmanaged<nint*, cublasComputeType_t, cudaDataType_t, cublasStatus_t>)Export(nameof(cublasLtMatmulDescCreate));
        cublasLtMatmulDescSetAttribute = (delegate* unmanaged<nint, cublasLtMatmulDescAttributes_t, void*, nuint, cublasStatus_t>)Export(nameof(cublasLtMatmulDescSetAttribute));
        cublasLtMatmulDescDestroy = (delegate* unmanaged<nint, cublasStatus_t>)Export(nameof(cublasLtMatmulDescDestroy));
        cublasLtMatrixLayoutCreate = (delegate* unmanaged<nint*, cudaDataType_t, ulong, ulong, long, cublasStatus_t>)Export(nameof(cublasLtMatrixLayoutCreate));
        cublasLtMatrixLayoutDestroy = (delegate* unmanaged<nint, cublasStatus_t>)Export(nameof(cublasLtMatrixLayoutDestroy));
        cublasLtMatmulPreferenceCreate = (delegate* unmanaged<nint*, cublasStatus_t>)Export(nameof(cublasLtMatmulPreferenceCreate));
        cublasLtMatmulPreferenceSetAttribute = (delegate* unmanaged<nint, cublasLtMatmulPreferenceAttributes_t, void*, nuint, cublasStatus_t>)Export(nameof(cublasLtMatmulPreferenceSetAttribute));
        cublasLtMatmulPreferenceDestroy = (delegate* unmanaged<nint, cublasStatus_t>)Export(nameof(cublasLtMatmulPreferenceDestroy));
        cublasLtMatmulAlgoGetHeuristic = (delegate* unmanaged<nint, nint, nint, nint, nint, nint, nint, int, cublasLtMatmulHeuristicResult_t*, int*, cublasStatus_t>)Export(nameof(cublasLtMatmulAlgoGetHeuristic));
        cublasLtMatmulAlgoCheck = (delegate* unmanaged<nint, nint, nint, nint, nint, nint, cublasLtMatmulAlgo_t*, cublasLtMatmulHeuristicResult_t*, cublasStatus_t>)Export(nameof(cublasLtMatmulAlgoCheck));
        cublasLtMatmul = (delegate* unmanaged<nint, nint, void*, ulong, nint, ulong, nint, void*, ulong, nint, ulong, nint, cublasLtMatmulAlgo_t*, ulong, nuint, nint, cublasStatus_t>)Export(nameof(cublasLtMatmul));

        nint Export(string name) => NativeLibrary.TryGetExport(library.Handle, name, out var address)
            ? address
            : throw new DeviceException($"{library.Path} has no {name}: cuBLASLt of CUDA 12 or later is needed");
    }
}
