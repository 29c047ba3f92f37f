using System.Runtime.InteropServices;
using System.Text;

namespace Tuna2.Engine.Tests.Native;

/// <summary>The memory half of native/abi.h, from the library all instances share.</summary>
internal static unsafe class HostMemory
{
    private const int ErrorBytes = 2048;

    private static nint _library;

    public static byte* Allocate(nuint bytes) => ((delegate* unmanaged<nuint, byte*>)Export("tuna2_allocate"))(bytes);

    public static void Free(byte* memory) => ((delegate* unmanaged<byte*, void>)Export("tuna2_free"))(memory);

    public static void Poison(byte* memory, nuint bytes, int pattern) =>
        ((delegate* unmanaged<byte*, nuint, int, void>)Export("tuna2_poison"))(memory, bytes, pattern);

    public static string? Verify(byte* memory)
    {
        var error = stackalloc byte[ErrorBytes];
        return ((delegate* unmanaged<byte*, byte*, nuint, int>)Export("tuna2_verify"))(memory, error, ErrorBytes) == 0 ? null : Text(error);
    }

    /// <summary>One of the library's functions.</summary>
    public static nint Function(string name) => Export(name);

    internal static string Text(byte* error) => Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(error));

    /// <summary>Loads on first use, not in an initializer: where there is no build, that skips the test it happens in.</summary>
    private static nint Export(string name)
    {
        if (_library == 0)
            _library = NativeLibrary.Load(NativeBuild.Require("native", "libtuna2_runner.so"));
        return NativeLibrary.GetExport(_library, name);
    }
}
