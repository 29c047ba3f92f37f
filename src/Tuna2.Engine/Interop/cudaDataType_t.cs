namespace Tuna2.Engine.Interop;

/// <summary>cudaDataType_t of library_types.h: those that are used.</summary>
internal enum cudaDataType_t
{
    CUDA_R_32F = 0,
    CUDA_R_16BF = 14,
    CUDA_R_8F_E4M3 = 28,
}
