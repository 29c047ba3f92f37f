using Tuna2.Engine.Cpu;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Cuda.Compiler;

namespace Tuna2.Engine;

/// <summary>
/// What there is to compute on: the processor, NVIDIA's driver and its GPUs, and the libraries CUDA needs besides; for what is not
/// there, where it was looked for.
/// <code>
/// var report = DeviceReport.Probe();
/// foreach (var gpu in report.Gpus)
///     Console.WriteLine($"{gpu.Id} {gpu.Name}");
/// if (!report.Driver.IsUsable)
///     Console.WriteLine(report.Driver.Problem);
/// </code>
/// </summary>
/// <param name="Cpu">The processor.</param>
/// <param name="Driver">NVIDIA's driver; its version is the newest CUDA it serves.</param>
/// <param name="DisplayDriver">The version of NVIDIA's kernel module; null where there is none, or none that says so (only Linux's does).</param>
/// <param name="Gpus">The GPUs the driver shows, in its order; CUDA_VISIBLE_DEVICES hides some.</param>
/// <param name="Nvrtc">The compiler of the kernels.</param>
/// <param name="CublasLt">The library of matrix products.</param>
public sealed record DeviceReport(
    CpuReport Cpu, LibraryReport Driver, string? DisplayDriver, IReadOnlyList<GpuReport> Gpus, LibraryReport Nvrtc, LibraryReport CublasLt)
{
    private const string KernelModule = "/proc/driver/nvidia/version";

    /// <summary>Looks. Nothing is allocated on a device, and nothing that is missing or broken throws: the report says so.</summary>
    /// <param name="driver">The driver's library or its folder; null to look for it.</param>
    public static DeviceReport Probe(string? driver = null)
    {
        var driverReport = ProbeDriver(driver, out var gpus);
        return new(CpuReport.Probe(), driverReport, DisplayDriverVersion(), gpus, ProbeNvrtc(), ProbeCublasLt());
    }

    private static LibraryReport ProbeDriver(string? path, out IReadOnlyList<GpuReport> gpus)
    {
        var search = CudaLibrary.Driver.Find(path);
        gpus = [];
        if (search.Path is null)
            return new(search, null, search.Failure);
        try
        {
            var driver = CudaDriver.Start(search);
            gpus = [.. driver.Devices().Select(GpuReport.Of)];
            return new(search, driver.Version, gpus.Count == 0 ? "the driver shows no GPU" : null);
        }
        catch (DeviceException e)
        {
            return new(search, null, e.Message);
        }
    }

    private static LibraryReport ProbeNvrtc()
    {
        try
        {
            var nvrtc = NvrtcLibrary.Load();
            return new(nvrtc.Search, nvrtc.Version, null);
        }
        catch (DeviceException e)
        {
            return new(CudaLibrary.Nvrtc.Find(), null, e.Message);
        }
    }

    private static unsafe LibraryReport ProbeCublasLt()
    {
        var search = CudaLibrary.CublasLt.Find();
        if (search.Path is null)
            return new(search, null, search.Failure);
        var number = search.TryGetExport("cublasLtGetVersion", out var function) ? (int)((delegate* unmanaged<nuint>)function)() : 0;
        return new(search, new(number / 10000, number / 100 % 100, number % 100), null);
    }

    /// <summary>Of the line "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024".</summary>
    private static string? DisplayDriverVersion()
    {
        try
        {
            return File.Exists(KernelModule)
                ? File.ReadLines(KernelModule).First().Split(' ').FirstOrDefault(word => word.Contains('.') && System.Version.TryParse(word, out _))
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            return null;
        }
    }
}
