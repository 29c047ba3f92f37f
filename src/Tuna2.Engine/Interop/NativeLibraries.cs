using System.Collections.Concurrent;
using System.Runtime.InteropServices;

// Imports that are not provided below are the system's own libraries: never look for them in the current folder.
[assembly: DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]

namespace Tuna2.Engine.Interop;

/// <summary>
/// The assembly's one import resolver (the runtime allows no second): import names to libraries that were found and loaded by a
/// <see cref="Cuda.LibrarySearch"/>.
/// </summary>
internal static class NativeLibraries
{
    private static readonly ConcurrentDictionary<string, nint> _handles = new();

    static NativeLibraries() => NativeLibrary.SetDllImportResolver(
        typeof(NativeLibraries).Assembly, (name, _, _) => _handles.GetValueOrDefault(name)); // 0: the runtime's own search

    /// <summary>Lets imports from <paramref name="name"/> go to a loaded library. Bound imports stay with what they were bound to.</summary>
    public static void Provide(string name, nint handle) => _handles[name] = handle;
}
