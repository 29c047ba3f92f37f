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

    /// <summary>const void*: what A is multiplied by, as its scale mode says. So B's below.</summary>
    CUBLASLT_MATMUL_DESC_A_SCALE_POINTER = 17,
    CUBLASLT_MATMUL_DESC_B_SCALE_POINTER = 18,

    /// <summary>sbyte: whether products of eight-bit floats may be summed in less than float32; 0 where it is not set.</summary>
    CUBLASLT_MATMUL_DESC_FAST_ACCUM = 25,

    /// <summary>int: <see cref="CublasLt.CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F"/>. So B's below.</summary>
    CUBLASLT_MATMUL_DESC_A_SCALE_MODE = 31,
    CUBLASLT_MATMUL_DESC_B_SCALE_MODE = 32,
}
