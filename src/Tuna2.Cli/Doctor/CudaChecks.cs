using Tuna2.Cli.Output;
using Tuna2.Engine;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Cuda.Compiler;

namespace Tuna2.Cli.Doctor;

/// <summary>What a GPU needs. The CPU engine needs none of it.</summary>
internal static class CudaChecks
{
    /// <summary>Looks at everything.</summary>
    public static IEnumerable<Check> Run(DeviceReport report)
    {
        yield return Driver(report);
        foreach (var gpu in report.Gpus)
            yield return new(gpu.Id, CheckStatus.Ok, DeviceText.Of(gpu), gpu.Problem is null ? null : $"not used: {gpu.Problem}");
        if (report.Gpus.Count == 0)
            yield return new("GPU", CheckStatus.Missing, report.Driver.Search.Path is null ? "none can be seen without the driver" : report.Driver.Problem!);
        yield return Library("NVRTC", report.Nvrtc, $"compiles the kernels; needed on a GPU, and by 'tuna2 kernels'. Install the CUDA toolkit 12 or 13, or the Python package nvidia-cuda-nvrtc, or let {Variable("NVRTC")} name it");
        yield return Library("cuBLASLt", report.CublasLt, $"multiplies matrices on a GPU. Install the CUDA toolkit 12 or 13, or the Python package nvidia-cublas, or let {Variable("cuBLASLt")} name it");
        yield return Cache();
    }

    private static Check Driver(DeviceReport report)
    {
        const string name = "NVIDIA driver";
        var display = report.DisplayDriver is { } version ? $"driver {version}" : null;
        if (report.Driver.Search.Path is { } path)
        {
            return report.Driver.Version is { } cuda
                ? Check.Ok(name, $"{path}, {(display is null ? "" : $"{display}, ")}up to CUDA {cuda}")
                : new(name, CheckStatus.Problem, $"{path}: {report.Driver.Problem}", "needed on a GPU only. nvidia-smi says whether the driver sees one") { LookedIn = report.Driver.Search.Candidates };
        }
        // The module without its library is the usual state of a container that was started without the NVIDIA runtime.
        return new(name, CheckStatus.Missing, Names(report.Driver), display is null
            ? "needed on a GPU only. Install NVIDIA's display driver"
            : $"the kernel has {display}: a container gets its library when started with --gpus all, or {Variable("the CUDA driver")} names it") { LookedIn = report.Driver.Search.Candidates };
    }

    /// <summary>What was looked for; the places are listed below it.</summary>
    private static string Names(LibraryReport library) => $"no {string.Join(", ", library.Search.FileNames)}";

    private static string Variable(string library) => DeviceLibraries.Variables.Single(known => known.Name == library).Variable;

    private static Check Library(string name, LibraryReport library, string advice)
    {
        if (library.IsUsable)
            return Check.Ok(name, $"{library.Search.Path}, version {library.Version}") with { LookedIn = library.Search.Candidates };
        var there = library.Search.Candidates.Any(candidate => candidate.Found);
        return new(name, there ? CheckStatus.Problem : CheckStatus.Missing, there ? library.Problem! : Names(library), advice) { LookedIn = library.Search.Candidates };
    }

    private static Check Cache()
    {
        const string name = "kernel cache";
        var cache = KernelCache.OfUser();
        return cache.Reason is null
            ? Check.Ok(name, cache.Directory!)
            : new(name, CheckStatus.Problem, cache.Reason, $"kernels are compiled anew in every run; set {KernelCache.Variable} to a folder of your own");
    }
}
