using System.Runtime.InteropServices;
using Tuna2.Engine.Interop;

namespace Tuna2.Engine.Cuda.Compiler;

/// <summary>
/// NVRTC, loaded once for the process. Programs may be compiled by several threads at a time, each its own: NVRTC asks only that
/// one program is not used by two threads at once, and locks by itself where its parts need it.
/// </summary>
internal sealed unsafe class NvrtcLibrary
{
    private static readonly Lock _gate = new();
    private static NvrtcLibrary? _loaded;

    private NvrtcLibrary(LibrarySearch search)
    {
        NativeLibraries.Provide(Nvrtc.Library, search.Handle);
        Search = search;

        int major, minor, count;
        Check(Nvrtc.nvrtcVersion(&major, &minor), "nvrtcVersion");
        Version = new(major, minor);
        Check(Nvrtc.nvrtcGetNumSupportedArchs(&count), "nvrtcGetNumSupportedArchs");
        var capabilities = new int[count];
        fixed (int* p = capabilities)
            Check(Nvrtc.nvrtcGetSupportedArchs(p), "nvrtcGetSupportedArchs");
        Capabilities = capabilities;

        // NVRTC opens its built-in headers by bare name, which the loader finds only in its own folders or among what is loaded already.
        if (Path.GetDirectoryName(search.Path) is { Length: > 0 } folder)
            NativeLibrary.TryLoad(Path.GetFullPath(Path.Combine(folder, Builtins(Version))), out _);
    }

    /// <summary>Where it was found.</summary>
    public LibrarySearch Search { get; }

    /// <summary>NVRTC's version, which is the toolkit's.</summary>
    public Version Version { get; }

    /// <summary>The compute capabilities it makes code for: 80, 86, ...</summary>
    public IReadOnlyList<int> Capabilities { get; }

    /// <summary>Finds and loads NVRTC, at the first call; a process has one.</summary>
    /// <param name="path">The library or its folder; null to search for it.</param>
    /// <exception cref="DeviceException">There is none, or another one than <paramref name="path"/> is loaded already.</exception>
    public static NvrtcLibrary Load(string? path = null)
    {
        lock (_gate)
        {
            if (_loaded is null)
            {
                var search = CudaLibrary.Nvrtc.Find(path);
                if (search.Path is null)
                {
                    var chosen = search.Candidates.Count == 1;
                    throw new DeviceException(chosen ? search.Failure : $"{search.Failure}; set {CudaLibrary.Nvrtc.Variable} to the folder that has it");
                }
                _loaded = new(search);
            }
            else if (path is not null && !IsOrHolds(path, _loaded.Search.Path!))
            {
                throw new DeviceException($"NVRTC is loaded from {_loaded.Search.Path} already, {OneLine.Of(path)} cannot be loaded as well");
            }
            return _loaded;
        }
    }

    /// <summary>Throws when a call failed, naming it.</summary>
    public static void Check(nvrtcResult result, string call)
    {
        if (result != nvrtcResult.NVRTC_SUCCESS)
            throw new DeviceException($"{Describe(result)} in {call}");
    }

    /// <summary>The name and number of a result.</summary>
    public static string Describe(nvrtcResult result) => $"{Marshal.PtrToStringUTF8((nint)Nvrtc.nvrtcGetErrorString(result))} ({(int)result})";

    /// <summary>The name of the library of built-in headers that goes with a version, which NVRTC opens by itself when it compiles.</summary>
    private static string Builtins(Version version) => OperatingSystem.IsWindows()
        ? $"nvrtc-builtins64_{version.Major}{version.Minor}.dll"
        : $"libnvrtc-builtins.so.{version.Major}.{version.Minor}";

    private static bool IsOrHolds(string path, string library) =>
        Path.GetFullPath(path) == Path.GetFullPath(library) || Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)) == Path.GetDirectoryName(Path.GetFullPath(library));
}
