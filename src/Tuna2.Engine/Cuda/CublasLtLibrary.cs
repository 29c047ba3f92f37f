using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Tuna2.Engine.Interop;

namespace Tuna2.Engine.Cuda;

/// <summary>NVIDIA's library of matrix products: its version, and what its results mean. It needs no toolkit around it.</summary>
internal sealed unsafe class CublasLtLibrary
{
    private CublasLtLibrary(LibrarySearch search)
    {
        Search = search;
        Api = new(search);
        Number = (long)Api.cublasLtGetVersion();
    }

    /// <summary>The functions.</summary>
    public CublasLt Api { get; }

    /// <summary>How it was found.</summary>
    public LibrarySearch Search { get; }

    /// <summary>Its version as one number: 120405. Algorithms mean the same to the same number.</summary>
    public long Number { get; }

    /// <summary>"12.4.5".</summary>
    public string Version => string.Create(CultureInfo.InvariantCulture, $"{Number / 10000}.{Number / 100 % 100}.{Number % 100}");

    /// <summary>Finds and loads it.</summary>
    /// <param name="driver">The driver, which must be as new; null for any.</param>
    /// <param name="path">The library or its folder; null to search for it.</param>
    /// <exception cref="DeviceException">There is none, or it is newer than the driver; the message says where it was looked for.</exception>
    public static CublasLtLibrary Load(CudaDriver? driver = null, string? path = null)
    {
        var search = Find(driver, path);
        if (search.Path is null)
            throw new DeviceException(search.Candidates.Count == 1 ? search.Failure : $"{search.Failure}; set {CudaLibrary.CublasLt.Variable} to the folder that has it");
        var library = new CublasLtLibrary(search);
        return driver is not null && library.Number / 10000 > driver.Version.Major
            ? throw new DeviceException($"{search.Path}: cuBLASLt {library.Version} needs a newer driver than this one, which serves CUDA {driver.Version}")
            : library;
    }

    /// <summary>Looks for it as <see cref="Load"/> does, to report on it: CUDA 13's only where the driver serves that.</summary>
    public static LibrarySearch Find(CudaDriver? driver = null, string? path = null)
    {
        var library = CudaLibrary.CublasLt;
        if (driver is { Version.Major: < 13 })
            library = library with { FileNames = [.. library.FileNames.Where(n => !n.Contains("13", StringComparison.Ordinal))] };
        return library.Find(path);
    }

    /// <summary>Throws when a call failed, naming it. Formats nothing when it did not.</summary>
    public void Check(cublasStatus_t status, [CallerArgumentExpression(nameof(status))] string call = "")
    {
        if (status != cublasStatus_t.CUBLAS_STATUS_SUCCESS)
            throw new DeviceException($"{Describe(status)} in {CudaDriver.FunctionName(call)}");
    }

    /// <summary>A status's name, number and meaning, in the library's words.</summary>
    public string Describe(cublasStatus_t status)
    {
        byte* name = Api.cublasLtGetStatusName(status), meaning = Api.cublasLtGetStatusString(status);
        var known = name == null ? status.ToString() : Marshal.PtrToStringUTF8((nint)name);
        return $"{known} ({(int)status}{(meaning == null ? "" : $", {OneLine.Of(Marshal.PtrToStringUTF8((nint)meaning))}")})";
    }
}
