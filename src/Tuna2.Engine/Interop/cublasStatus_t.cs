namespace Tuna2.Engine.Interop;

/// <summary>cublasStatus_t of cublas_api.h: those that are told apart here. The library itself names the others.</summary>
internal enum cublasStatus_t
{
    CUBLAS_STATUS_SUCCESS = 0,
    CUBLAS_STATUS_NOT_INITIALIZED = 1,
    CUBLAS_STATUS_NOT_SUPPORTED = 15,
}
