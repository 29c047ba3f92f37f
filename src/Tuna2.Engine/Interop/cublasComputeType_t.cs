namespace Tuna2.Engine.Interop;

/// <summary>cublasComputeType_t of cublas_api.h: those that are asked for.</summary>
internal enum cublasComputeType_t
{
    /// <summary>float32 sums.</summary>
    CUBLAS_COMPUTE_32F = 68,

    /// <summary>float32 throughout: no TF32, no emulation by narrower types, whatever the environment asks for.</summary>
    CUBLAS_COMPUTE_32F_PEDANTIC = 69,
}
