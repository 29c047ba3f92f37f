using System.Runtime.InteropServices;
using Tuna2.Engine.Cuda;

namespace Tuna2.Engine.Interop;

/// <summary>
/// The part of cuda.h that is used, under NVIDIA's names: https://docs.nvidia.com/cuda/cuda-driver-api. A table of function
/// pointers rather than imports: a process may then have two drivers, the machine's and a recording one in tests. Handles
/// (CUcontext, CUmodule, CUstream, ...) are nint, CUdevice is int, CUdeviceptr is ulong.
/// </summary>
internal sealed unsafe class Libcuda
{
    /// <summary>cuStreamCreate: does not wait for the legacy default stream, nor it for this one.</summary>
    public const uint CU_STREAM_NON_BLOCKING = 1;

    /// <summary>cuEventCreate: cannot be asked for times, and costs less.</summary>
    public const uint CU_EVENT_DISABLE_TIMING = 2;

    /// <summary>cuLaunchKernel's extra: the next pointer is the argument buffer.</summary>
    public const nint CU_LAUNCH_PARAM_BUFFER_POINTER = 1;

    /// <summary>cuLaunchKernel's extra: the next pointer is to the size of the argument buffer.</summary>
    public const nint CU_LAUNCH_PARAM_BUFFER_SIZE = 2;

    /// <summary>cuTensorMapEncodeTiled: elements are bfloat16.</summary>
    public const int CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 = 9;

    /// <summary>cuTensorMapEncodeTiled: rows of a box lie as they are.</summary>
    public const int CU_TENSOR_MAP_INTERLEAVE_NONE = 0;

    /// <summary>cuTensorMapEncodeTiled: 16-byte chunks of 128-byte rows are permuted.</summary>
    public const int CU_TENSOR_MAP_SWIZZLE_128B = 3;

    /// <summary>cuTensorMapEncodeTiled: the second-level cache fetches 256 bytes.</summary>
    public const int CU_TENSOR_MAP_L2_PROMOTION_L2_256B = 3;

    /// <summary>cuTensorMapEncodeTiled: what is outside the tensor becomes zeros.</summary>
    public const int CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE = 0;

    /// <summary>cuStreamBeginCapture: forbids this thread, and no other, what would end the capture.</summary>
    public const int CU_STREAM_CAPTURE_MODE_THREAD_LOCAL = 1;

    public readonly delegate* unmanaged<uint, CUresult> cuInit;
    public readonly delegate* unmanaged<int*, CUresult> cuDriverGetVersion;
    public readonly delegate* unmanaged<CUresult, byte**, CUresult> cuGetErrorName;
    public readonly delegate* unmanaged<CUresult, byte**, CUresult> cuGetErrorString;

    public readonly delegate* unmanaged<int*, CUresult> cuDeviceGetCount;
    public readonly delegate* unmanaged<int*, int, CUresult> cuDeviceGet;
    public readonly delegate* unmanaged<byte*, int, int, CUresult> cuDeviceGetName;
    public readonly delegate* unmanaged<int*, CUdevice_attribute, int, CUresult> cuDeviceGetAttribute;
    public readonly delegate* unmanaged<nuint*, int, CUresult> cuDeviceTotalMem_v2;

    public readonly delegate* unmanaged<nint*, int, CUresult> cuDevicePrimaryCtxRetain;
    public readonly delegate* unmanaged<int, CUresult> cuDevicePrimaryCtxRelease_v2;
    public readonly delegate* unmanaged<nint, CUresult> cuCtxPushCurrent_v2;
    public readonly delegate* unmanaged<nint*, CUresult> cuCtxPopCurrent_v2;

    public readonly delegate* unmanaged<nuint*, nuint*, CUresult> cuMemGetInfo_v2;
    public readonly delegate* unmanaged<ulong*, nuint, CUresult> cuMemAlloc_v2;
    public readonly delegate* unmanaged<ulong, CUresult> cuMemFree_v2;
    public readonly delegate* unmanaged<void**, nuint, uint, CUresult> cuMemHostAlloc;
    public readonly delegate* unmanaged<void*, CUresult> cuMemFreeHost;
    public readonly delegate* unmanaged<ulong, void*, nuint, CUresult> cuMemcpyHtoD_v2;
    public readonly delegate* unmanaged<void*, ulong, nuint, CUresult> cuMemcpyDtoH_v2;
    public readonly delegate* unmanaged<ulong, void*, nuint, nint, CUresult> cuMemcpyHtoDAsync_v2;
    public readonly delegate* unmanaged<void*, ulong, nuint, nint, CUresult> cuMemcpyDtoHAsync_v2;
    public readonly delegate* unmanaged<ulong, ulong, nuint, nint, CUresult> cuMemcpyDtoDAsync_v2;
    public readonly delegate* unmanaged<ulong, byte, nuint, nint, CUresult> cuMemsetD8Async;

    public readonly delegate* unmanaged<nint*, void*, CUresult> cuModuleLoadData;
    public readonly delegate* unmanaged<nint, CUresult> cuModuleUnload;
    public readonly delegate* unmanaged<nint*, nint, byte*, CUresult> cuModuleGetFunction;
    public readonly delegate* unmanaged<nint, CUfunction_attribute, int, CUresult> cuFuncSetAttribute;
    public readonly delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, CUresult> cuLaunchKernel;

    public readonly delegate* unmanaged<void*, int, uint, ulong, ulong*, ulong*, uint*, uint*, int, int, int, int, CUresult> cuTensorMapEncodeTiled;

    public readonly delegate* unmanaged<nint*, uint, CUresult> cuStreamCreate;
    public readonly delegate* unmanaged<nint, CUresult> cuStreamDestroy_v2;
    public readonly delegate* unmanaged<nint, CUresult> cuStreamSynchronize;
    public readonly delegate* unmanaged<nint, int, CUresult> cuStreamBeginCapture_v2;
    public readonly delegate* unmanaged<nint, nint*, CUresult> cuStreamEndCapture;
    public readonly delegate* unmanaged<nint*, nint, ulong, CUresult> cuGraphInstantiateWithFlags;
    public readonly delegate* unmanaged<nint, nint, CUresult> cuGraphLaunch;
    public readonly delegate* unmanaged<nint, CUresult> cuGraphExecDestroy;
    public readonly delegate* unmanaged<nint, CUresult> cuGraphDestroy;

    public readonly delegate* unmanaged<nint*, uint, CUresult> cuEventCreate;
    public readonly delegate* unmanaged<nint, nint, CUresult> cuEventRecord;
    public readonly delegate* unmanaged<nint, CUresult> cuEventSynchronize;
    public readonly delegate* unmanaged<float*, nint, nint, CUresult> cuEventElapsedTime;
    public readonly delegate* unmanaged<nint, CUresult> cuEventDestroy_v2;

    /// <summary>Binds every function.</summary>
    /// <exception cref="DeviceException">The library lacks one: it is older than CUDA 12.</exception>
    public Libcuda(LibrarySearch library)
    {
        cuInit = (delegate* unmanaged<uint, CUresult>)Export(nameof(cuInit));
        cuDriverGetVersion = (delegate* unmanaged<int*, CUresult>)Export(nameof(cuDriverGetVersion));
        cuGetErrorName = (delegate* unmanaged<CUresult, byte**, CUresult>)Export(nameof(cuGetErrorName));
        cuGetErrorString = (delegate* unmanaged<CUresult, byte**, CUresult>)Export(nameof(cuGetErrorString));
        cuDeviceGetCount = (delegate* unmanaged<int*, CUresult>)Export(nameof(cuDeviceGetCount));
        cuDeviceGet = (delegate* unmanaged<int*, int, CUresult>)Export(nameof(cuDeviceGet));
        cuDeviceGetName = (delegate* unmanaged<byte*, int, int, CUresult>)Export(nameof(cuDeviceGetName));
        cuDeviceGetAttribute = (delegate* unmanaged<int*, CUdevice_attribute, int, CUresult>)Export(nameof(cuDeviceGetAttribute));
        cuDeviceTotalMem_v2 = (delegate* unmanaged<nuint*, int, CUresult>)Export(nameof(cuDeviceTotalMem_v2));
        cuDevicePrimaryCtxRetain = (delegate* unmanaged<nint*, int, CUresult>)Export(nameof(cuDevicePrimaryCtxRetain));
        cuDevicePrimaryCtxRelease_v2 = (delegate* unmanaged<int, CUresult>)Export(nameof(cuDevicePrimaryCtxRelease_v2));
        cuCtxPushCurrent_v2 = (delegate* unmanaged<nint, CUresult>)Export(nameof(cuCtxPushCurrent_v2));
        cuCtxPopCurrent_v2 = (delegate* unmanaged<nint*, CUresult>)Export(nameof(cuCtxPopCurrent_v2));
        cuMemGetInfo_v2 = (delegate* unmanaged<nuint*, nuint*, CUresult>)Export(nameof(cuMemGetInfo_v2));
        cuMemAlloc_v2 = (delegate* unmanaged<ulong*, nuint, CUresult>)Export(nameof(cuMemAlloc_v2));
        cuMemFree_v2 = (delegate* unmanaged<ulong, CUresult>)Export(nameof(cuMemFree_v2));
        cuMemHostAlloc = (delegate* unmanaged<void**, nuint, uint, CUresult>)Export(nameof(cuMemHostAlloc));
        cuMemFreeHost = (delegate* unmanaged<void*, CUresult>)Export(nameof(cuMemFreeHost));
        cuMemcpyHtoD_v2 = (delegate* unmanaged<ulong, void*, nuint, CUresult>)Export(nameof(cuMemcpyHtoD_v2));
        cuMemcpyDtoH_v2 = (delegate* unmanaged<void*, ulong, nuint, CUresult>)Export(nameof(cuMemcpyDtoH_v2));
        cuMemcpyHtoDAsync_v2 = (delegate* unmanaged<ulong, void*, nuint, nint, CUresult>)Export(nameof(cuMemcpyHtoDAsync_v2));
        cuMemcpyDtoHAsync_v2 = (delegate* unmanaged<void*, ulong, nuint, nint, CUresult>)Export(nameof(cuMemcpyDtoHAsync_v2));
        cuMemcpyDtoDAsync_v2 = (delegate* unmanaged<ulong, ulong, nuint, nint, CUresult>)Export(nameof(cuMemcpyDtoDAsync_v2));
        cuMemsetD8Async = (delegate* unmanaged<ulong, byte, nuint, nint, CUresult>)Export(nameof(cuMemsetD8Async));
        cuModuleLoadData = (delegate* unmanaged<nint*, void*, CUresult>)Export(nameof(cuModuleLoadData));
        cuModuleUnload = (delegate* unmanaged<nint, CUresult>)Export(nameof(cuModuleUnload));
        cuModuleGetFunction = (delegate* unmanaged<nint*, nint, byte*, CUresult>)Export(nameof(cuModuleGetFunction));
        cuFuncSetAttribute = (delegate* unmanaged<nint, CUfunction_attribute, int, CUresult>)Export(nameof(cuFuncSetAttribute));
        cuLaunchKernel = (delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, CUresult>)Export(nameof(cuLaunchKernel));
        cuTensorMapEncodeTiled = (delegate* unmanaged<void*, int, uint, ulong, ulong*, ulong*, uint*, uint*, int, int, int, int, CUresult>)Export(nameof(cuTensorMapEncodeTiled));
        cuStreamCreate = (delegate* unmanaged<nint*, uint, CUresult>)Export(nameof(cuStreamCreate));
        cuStreamDestroy_v2 = (delegate* unmanaged<nint, CUresult>)Export(nameof(cuStreamDestroy_v2));
        cuStreamSynchronize = (delegate* unmanaged<nint, CUresult>)Export(nameof(cuStreamSynchronize));
        cuStreamBeginCapture_v2 = (delegate* unmanaged<nint, int, CUresult>)Export(nameof(cuStreamBeginCapture_v2));
        cuStreamEndCapture = (delegate* unmanaged<nint, nint*, CUresult>)Export(nameof(cuStreamEndCapture));
        cuGraphInstantiateWithFlags = (delegate* unmanaged<nint*, nint, ulong, CUresult>)Export(nameof(cuGraphInstantiateWithFlags));
        cuGraphLaunch = (delegate* unmanaged<nint, nint, CUresult>)Export(nameof(cuGraphLaunch));
        cuGraphExecDestroy = (delegate* unmanaged<nint, CUresult>)Export(nameof(cuGraphExecDestroy));
        cuGraphDestroy = (delegate* unmanaged<nint, CUresult>)Export(nameof(cuGraphDestroy));
        cuEventCreate = (delegate* unmanaged<nint*, uint, CUresult>)Export(nameof(cuEventCreate));
        cuEventRecord = (delegate* unmanaged<nint, nint, CUresult>)Export(nameof(cuEventRecord));
        cuEventSynchronize = (delegate* unmanaged<nint, CUresult>)Export(nameof(cuEventSynchronize));
        cuEventElapsedTime = (delegate* unmanaged<float*, nint, nint, CUresult>)Export(nameof(cuEventElapsedTime));
        cuEventDestroy_v2 = (delegate* unmanaged<nint, CUresult>)Export(nameof(cuEventDestroy_v2));

        nint Export(string name) => NativeLibrary.TryGetExport(library.Handle, name, out var address)
            ? address
            : throw new DeviceException($"{library.Path} has no {name}: update the NVIDIA driver");
    }
}
