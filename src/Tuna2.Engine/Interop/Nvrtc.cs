using System.Runtime.InteropServices;

namespace Tuna2.Engine.Interop;

/// <summary>
/// nvrtc.h, under NVIDIA's names: https://docs.nvidia.com/cuda/nvrtc. The library has no one name and no one place, so it is
/// found by <see cref="Cuda.Compiler.NvrtcLibrary"/>, which must have loaded it before any of these is called.
/// </summary>
internal static unsafe partial class Nvrtc
{
    /// <summary>The name imports go by; <see cref="NativeLibraries"/> gives it its handle.</summary>
    public const string Library = "nvrtc";

    [LibraryImport(Library)]
    public static partial nvrtcResult nvrtcVersion(int* major, int* minor);

    [LibraryImport(Library)]
    public static partial nvrtcResult nvrtcGetNumSupportedArchs(int* numArchs);

    [LibraryImport(Library)]
    public static partial nvrtcResult nvrtcGetSupportedArchs(int* supportedArchs);

    [LibraryImport(Library)]
    public static partial byte* nvrtcGetErrorString(nvrtcResult result);

    [LibraryImport(Library)]
    public static partial nvrtcResult nvrtcCreateProgram(nint* prog, byte* src, byte* name, int numHeaders, byte** headers, byte** includeNames);

    [LibraryImport(Library)]
    public static partial nvrtcResult nvrtcDestroyProgram(nint* prog);

    [LibraryImport(Library)]
    public static partial nvrtcResult nvrtcCompileProgram(nint prog, int numOptions, byte** options);

    [LibraryImport(Library)]
    public static partial nvrtcResult nvrtcGetCUBINSize(nint prog, nuint* cubinSizeRet);

    [LibraryImport(Library)]
    public static partial nvrtcResult nvrtcGetCUBIN(nint prog, byte* cubin);

    [LibraryImport(Library)]
    public static partial nvrtcResult nvrtcGetPTXSize(nint prog, nuint* ptxSizeRet);

    [LibraryImport(Library)]
    public static partial nvrtcResult nvrtcGetPTX(nint prog, byte* ptx);

    [LibraryImport(Library)]
    public static partial nvrtcResult nvrtcGetProgramLogSize(nint prog, nuint* logSizeRet);

    [LibraryImport(Library)]
    public static partial nvrtcResult nvrtcGetProgramLog(nint prog, byte* log);
}
