using Tuna2.Engine.Interop;

namespace Tuna2.Engine.Cuda;

/// <summary>A library of NVIDIA's: the names it has, and where it may be.</summary>
/// <param name="Name">What messages call it.</param>
/// <param name="Variable">The environment variable that names the library or its folder.</param>
/// <param name="FileNames">The names it has, the newest first.</param>
/// <param name="Proof">A function only this library has, of the oldest version that will do.</param>
/// <param name="Search">Where it is looked for when nobody chose a place, in order.</param>
internal sealed record CudaLibrary(string Name, string Variable, IReadOnlyList<string> FileNames, string Proof, Func<IEnumerable<LibraryPlace>> Search)
{
    /// <summary>The driver. It comes with the display driver, so the system's loader should know where it is.</summary>
    public static CudaLibrary Driver { get; } = new(
        "the CUDA driver", "TUNA2_LIBCUDA_PATH",
        OperatingSystem.IsWindows() ? ["nvcuda.dll"] : ["libcuda.so.1", "libcuda.so"],
        nameof(Libcuda.cuDevicePrimaryCtxRetain),
        () => [LibraryPlace.SystemLoader, .. CudaLibraryPlaces.OfDrivers()]);

    /// <summary>The run-time compiler.</summary>
    public static CudaLibrary Nvrtc { get; } = new(
        "NVRTC", "TUNA2_NVRTC_PATH",
        OperatingSystem.IsWindows() ? ["nvrtc64_130_0.dll", "nvrtc64_120_0.dll"] : ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"],
        nameof(Interop.Nvrtc.nvrtcGetSupportedArchs),
        () => CudaLibraryPlaces.OfToolkitLibrary("nvrtc", "cuda_nvrtc"));

    /// <summary>Matrix products.</summary>
    public static CudaLibrary CublasLt { get; } = new(
        "cuBLASLt", "TUNA2_CUBLASLT_PATH",
        OperatingSystem.IsWindows() ? ["cublasLt64_13.dll", "cublasLt64_12.dll"] : ["libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so"],
        "cublasLtMatmul",
        () => CudaLibraryPlaces.OfToolkitLibrary("cublaslt", "cublas"));

    /// <summary>
    /// The places in the order they are tried. A path that somebody chose is the only one: to go on elsewhere when it is wrong would
    /// hide the mistake.
    /// </summary>
    /// <param name="chosen">The library or its folder; null to look for it.</param>
    public IEnumerable<LibraryPlace> Places(string? chosen = null)
    {
        if (!string.IsNullOrEmpty(chosen))
            return [new("the path given", chosen)];
        return Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } path ? [new(Variable, path)] : Search();
    }

    /// <summary>Looks for it in its places, and loads the first that is one.</summary>
    public LibrarySearch Find(string? chosen = null) => Find(Places(chosen));

    /// <summary>Looks for it in these places, and loads the first that is one.</summary>
    public LibrarySearch Find(IEnumerable<LibraryPlace> places) => LibrarySearch.Run(Name, FileNames, Proof, places);
}
