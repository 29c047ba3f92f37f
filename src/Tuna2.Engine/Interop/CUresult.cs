namespace Tuna2.Engine.Interop;

/// <summary>
/// CUresult of cuda.h: those that are told apart here. The driver itself names the others (cuGetErrorName), and may know ones
/// that are newer than this list.
/// </summary>
internal enum CUresult
{
    CUDA_SUCCESS = 0,
    CUDA_ERROR_INVALID_VALUE = 1,
    CUDA_ERROR_OUT_OF_MEMORY = 2,
    CUDA_ERROR_NOT_INITIALIZED = 3,
    CUDA_ERROR_DEINITIALIZED = 4,
    CUDA_ERROR_STUB_LIBRARY = 34,
    CUDA_ERROR_NO_DEVICE = 100,
    CUDA_ERROR_INVALID_DEVICE = 101,
    CUDA_ERROR_INVALID_IMAGE = 200,
    CUDA_ERROR_INVALID_CONTEXT = 201,
    CUDA_ERROR_NO_BINARY_FOR_GPU = 209,
    CUDA_ERROR_ECC_UNCORRECTABLE = 214,
    CUDA_ERROR_INVALID_PTX = 218,
    CUDA_ERROR_NVLINK_UNCORRECTABLE = 220,
    CUDA_ERROR_UNSUPPORTED_PTX_VERSION = 222,
    CUDA_ERROR_CONTAINED = 226,
    CUDA_ERROR_INVALID_SOURCE = 300,
    CUDA_ERROR_INVALID_HANDLE = 400,
    CUDA_ERROR_NOT_FOUND = 500,
    CUDA_ERROR_NOT_READY = 600,
    CUDA_ERROR_ILLEGAL_ADDRESS = 700,
    CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES = 701,
    CUDA_ERROR_LAUNCH_TIMEOUT = 702,
    CUDA_ERROR_CONTEXT_IS_DESTROYED = 709,
    CUDA_ERROR_ASSERT = 710,
    CUDA_ERROR_HARDWARE_STACK_ERROR = 714,
    CUDA_ERROR_ILLEGAL_INSTRUCTION = 715,
    CUDA_ERROR_MISALIGNED_ADDRESS = 716,
    CUDA_ERROR_INVALID_ADDRESS_SPACE = 717,
    CUDA_ERROR_INVALID_PC = 718,
    CUDA_ERROR_LAUNCH_FAILED = 719,
    CUDA_ERROR_TENSOR_MEMORY_LEAK = 721,
    CUDA_ERROR_SYSTEM_DRIVER_MISMATCH = 803,
    CUDA_ERROR_UNKNOWN = 999,
}

/// <summary>What results mean for those who get them.</summary>
internal static class CUresults
{
    /// <summary>
    /// Whether the context is lost: the driver will answer every further call of the process with this error, and only a new
    /// process gets the device back. Running out of memory is not such an error.
    /// </summary>
    public static bool IsSticky(this CUresult result) => result
        is CUresult.CUDA_ERROR_DEINITIALIZED
        or CUresult.CUDA_ERROR_ECC_UNCORRECTABLE
        or CUresult.CUDA_ERROR_NVLINK_UNCORRECTABLE
        or CUresult.CUDA_ERROR_CONTAINED
        or CUresult.CUDA_ERROR_ILLEGAL_ADDRESS
        or CUresult.CUDA_ERROR_LAUNCH_TIMEOUT
        or CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED
        or CUresult.CUDA_ERROR_ASSERT
        or (>= CUresult.CUDA_ERROR_HARDWARE_STACK_ERROR and <= CUresult.CUDA_ERROR_LAUNCH_FAILED)
        or CUresult.CUDA_ERROR_TENSOR_MEMORY_LEAK;

    /// <summary>Whether the driver rejects an image, which may be damaged or made for another GPU.</summary>
    public static bool IsBadImage(this CUresult result) => result
        is CUresult.CUDA_ERROR_INVALID_IMAGE
        or CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU
        or CUresult.CUDA_ERROR_INVALID_PTX
        or CUresult.CUDA_ERROR_UNSUPPORTED_PTX_VERSION
        or CUresult.CUDA_ERROR_INVALID_SOURCE;
}
