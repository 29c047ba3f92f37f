namespace Tuna2.Engine.Interop;

/// <summary>cublasLtMatmulPreferenceAttributes_t of cublasLt.h: those that are set. The same numbers in CUDA 12 and 13.</summary>
internal enum cublasLtMatmulPreferenceAttributes_t
{
    /// <summary>ulong.</summary>
    CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES = 1,

    /// <summary>uint: how partial sums may be put together.</summary>
    CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK = 3,

    /// <summary>uint; 256 where it is not set. So the three below.</summary>
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES = 5,
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES = 6,
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES = 7,
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES = 8,
}
