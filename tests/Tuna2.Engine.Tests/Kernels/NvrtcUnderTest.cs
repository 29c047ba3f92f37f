using Tuna2.Engine.Cuda;
using Tuna2.Engine.Cuda.Compiler;
using Tuna2.Engine.Interop;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Kernels;

/// <summary>
/// The tests' NVRTC: TUNA2_NVRTC_PATH, or artifacts/nvrtc, where tools/get-nvrtc.sh puts it. Not whichever a machine happens to
/// have: register counts belong to a version.
/// </summary>
static class NvrtcUnderTest
{
    private static readonly string _folder = Path.Combine(Fixtures.Repository, "artifacts", "nvrtc");

    /// <summary>A compiler with the cache given, else one of the checkout's own; ends the test where there is no NVRTC.</summary>
    public static KernelCompiler Compiler(KernelCache? cache = null)
    {
        var chosen = Environment.GetEnvironmentVariable(CudaLibrary.Nvrtc.Variable);
        if (string.IsNullOrEmpty(chosen) && !Directory.Exists(_folder))
            Requirement.Missing("nvrtc", $"no NVRTC: {CudaLibrary.Nvrtc.Variable} is not set, and tools/get-nvrtc.sh has not been run");
        return new(new()
        {
            NvrtcPath = string.IsNullOrEmpty(chosen) ? _folder : null,
            Cache = cache ?? KernelCache.Open(Path.Combine(Fixtures.Repository, "artifacts", "test-cache")),
        });
    }

    /// <summary>Runs the front end alone over an instance with assertions behind it.</summary>
    /// <returns>The errors; null when there are none.</returns>
    public static string? Check(KernelInstance instance, string assertions) => Check(instance, KernelCatalog.Files[instance.Source], assertions);

    /// <summary>The same with a source that is not the catalog's.</summary>
    public static string? Check(KernelInstance instance, string text, string assertions)
    {
        _ = Compiler(KernelCache.Off());
        var architecture = instance.MinimumArchitecture.Replace("sm_", "compute_", StringComparison.Ordinal);
        using var program = new NvrtcProgram(KernelSource.Of(instance.Source, $"{text}\n#line 1 \"assertions\"\n{assertions}", KernelCatalog.Files));
        var result = program.Compile([$"--gpu-architecture={architecture}", "-std=c++17", "--fdevice-syntax-only", .. instance.Defines.Select(d => $"-D{d}")]);
        return result == nvrtcResult.NVRTC_SUCCESS ? null : $"{NvrtcLibrary.Describe(result)}\n{program.Log}";
    }
}
