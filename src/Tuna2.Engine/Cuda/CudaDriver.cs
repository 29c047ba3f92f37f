using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Tuna2.Engine.Interop;

namespace Tuna2.Engine.Cuda;

/// <summary>NVIDIA's driver: the library, its version, and what its results mean.</summary>
internal sealed unsafe class CudaDriver
{
    private CudaDriver(LibrarySearch search)
    {
        Search = search;
        Api = new(search);
        Check(Api.cuInit(0));
        int version;
        Check(Api.cuDriverGetVersion(&version));
        Version = new(version / 1000, version % 1000 / 10);
    }

    /// <summary>The functions.</summary>
    public Libcuda Api { get; }

    /// <summary>How it was found.</summary>
    public LibrarySearch Search { get; }

    /// <summary>The newest CUDA it serves: 12.4.</summary>
    public Version Version { get; }

    /// <summary>How many devices there are; CUDA_VISIBLE_DEVICES hides some.</summary>
    public int DeviceCount
    {
        get
        {
            int count;
            Check(Api.cuDeviceGetCount(&count));
            return count;
        }
    }

    /// <summary>Finds, loads and starts the driver.</summary>
    /// <param name="path">The library or its folder; null to look for it.</param>
    /// <exception cref="DeviceException">There is none, it is too old, or it sees no device; the message says which.</exception>
    public static CudaDriver Load(string? path = null) => Start(CudaLibrary.Driver.Find(path));

    /// <summary>Starts the driver that was found.</summary>
    /// <exception cref="DeviceException">None was, it is too old, or it sees no device; the message says which.</exception>
    public static CudaDriver Start(LibrarySearch search) => search.Path is null
        ? throw new DeviceException($"{search.Failure}; it comes with NVIDIA's display driver")
        : new(search);

    /// <summary>The device of that number.</summary>
    /// <exception cref="DeviceException">There is none.</exception>
    public CudaDevice Device(int ordinal)
    {
        var count = DeviceCount;
        return ordinal >= 0 && ordinal < count
            ? new(this, ordinal)
            : throw new DeviceException($"there is no cuda:{ordinal}; the driver has {(count == 0 ? "no device" : count == 1 ? "cuda:0" : $"cuda:0 to cuda:{count - 1}")}");
    }

    /// <summary>All devices, in the driver's order.</summary>
    public IReadOnlyList<CudaDevice> Devices() => [.. Enumerable.Range(0, DeviceCount).Select(Device)];

    /// <summary>Throws when a call that belongs to no context failed, naming it. Formats nothing when it did not.</summary>
    public void Check(CUresult result, [CallerArgumentExpression(nameof(result))] string call = "")
    {
        if (result != CUresult.CUDA_SUCCESS)
            throw new DeviceException($"{Describe(result)} in {FunctionName(call)}{Remedy(result)}");
    }

    /// <summary>A result's name, number and meaning, in the driver's words: "CUDA_ERROR_INVALID_VALUE (1, invalid argument)".</summary>
    public string Describe(CUresult result)
    {
        byte* name = null, meaning = null;
        // Both leave null where the driver is older than the result; then its number is all there is.
        Api.cuGetErrorName(result, &name);
        Api.cuGetErrorString(result, &meaning);
        var known = name == null ? result.ToString() : Marshal.PtrToStringUTF8((nint)name);
        return $"{known} ({(int)result}{(meaning == null ? "" : $", {OneLine.Of(Marshal.PtrToStringUTF8((nint)meaning))}")})";
    }

    /// <summary>The function in a call's text: "Api.cuMemAlloc_v2(&amp;p, n)" is cuMemAlloc.</summary>
    public static string FunctionName(string call)
    {
        var name = call.AsSpan();
        if (name.IndexOf('(') is var bracket and >= 0)
            name = name[..bracket];
        name = name[(name.LastIndexOf('.') + 1)..];
        return (name.EndsWith("_v2", StringComparison.Ordinal) ? name[..^3] : name).ToString();
    }

    private static string Remedy(CUresult result) => result switch
    {
        CUresult.CUDA_ERROR_NO_DEVICE => ": no NVIDIA GPU is visible (CUDA_VISIBLE_DEVICES may hide it)",
        CUresult.CUDA_ERROR_STUB_LIBRARY => ": this is the toolkit's stub for linking, not the driver",
        CUresult.CUDA_ERROR_SYSTEM_DRIVER_MISMATCH => ": the driver's library and its kernel module differ in version; restart the machine",
        _ => "",
    };
}
