namespace Tuna2.Engine.Interop;

/// <summary>cublasLtMatmulDescAttributes_t of cublasLt.h: those that are set. The same numbers in CUDA 12 and 13.</summary>
internal enum cublasLtMatmulDescAttributes_t
{
    /// <summary>int: <see cref="CublasLt.CUBLAS_OP_T"/>.</summary>
    CUBLASLT_MATMUL_DESC_TRANSA = 3,

    /// <summary>uint: <see cref="CublasLt.CUBLASLT_EPILOGUE_BIAS"/>, <see cref="CublasLt.CUBLASLT_EPILOGUE_GELU"/>, or both.</summary>
    CUBLASLT_MATMUL_DESC_EPILOGUE = 7,

    /// <summary>const void*: as long as D has rows, of D's type.</summary>
    CUBLASLT_MATMUL_DESC_BIAS_POINTER = 8,
}
