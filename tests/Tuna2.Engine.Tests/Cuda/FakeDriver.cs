using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using NUnit.Framework;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Tests.Native;

namespace Tuna2.Engine.Tests.Cuda;

/// <summary>
/// tests/fixtures/fakecuda, compiled and loaded: a CUDA driver on host memory that records calls and fails those it is told to.
/// Each is a copy of the library of its own, and so has its own state.
/// </summary>
internal sealed unsafe class FakeDriver : IDisposable
{
    private static readonly Lazy<(byte[]? Library, string Problem)> _compiled = new(Compile);

    private readonly TemporaryDirectory _folder = new();
    private readonly nint _handle;

    public FakeDriver()
    {
        if (_compiled.Value.Library is not { } library)
        {
            _folder.Dispose();
            Requirement.Missing("native", _compiled.Value.Problem);
            throw new InvalidOperationException(_compiled.Value.Problem);
        }
        Path = _folder.Write("libcuda.so.1", library);
        _handle = NativeLibrary.Load(Path);
    }

    public string Path { get; }

    /// <summary>Every call so far, but those that name errors.</summary>
    public IReadOnlyList<string> Calls => Text("fake_log").Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Buffers, modules, streams and events that are alive.</summary>
    public int Live => Number("fake_live");

    /// <summary>How often the primary context is held.</summary>
    public int Retained => Number("fake_retained");

    /// <summary>Contexts pushed and not popped.</summary>
    public int Depth => Number("fake_depth");

    public IReadOnlyList<FakeLaunch> Launches => [.. Enumerable.Range(0, Number("fake_launch_count")).Select(i =>
        FakeLaunch.Read(((delegate* unmanaged<int, byte*>)Export("fake_launch"))(i)))];

    /// <summary>Bytes of device memory that are taken.</summary>
    public long MemoryUsed => (long)((delegate* unmanaged<ulong>)Export("fake_memory_used"))();

    public CudaDriver Load() => CudaDriver.Load(Path);

    /// <summary>Forgets the calls so far.</summary>
    public void ClearCalls() => ((delegate* unmanaged<void>)Export("fake_clear_log"))();

    /// <summary>Runs kernels from now on, by the host runner, in memory with guarded ends; what nobody wrote there is NaN.</summary>
    public void Execute()
    {
        ((delegate* unmanaged<nint, nint, void>)Export("fake_set_allocator"))(HostMemory.Function("tuna2_allocate"), HostMemory.Function("tuna2_free"));
        ((delegate* unmanaged<delegate* unmanaged[Cdecl]<byte*, uint*, uint, uint, byte*, uint, int>, void>)Export("fake_set_executor"))(&FakeExecutor.Run);
    }

    /// <summary>Fails the nth call from now, of one function or ("") of all; once, or that and all later ones.</summary>
    public void Fail(string function, int result, int nth = 1, bool forever = false)
    {
        var name = Marshal.StringToCoTaskMemUTF8(function);
        ((delegate* unmanaged<nint, int, int, int, void>)Export("fake_fail"))(name, nth, result, forever ? 1 : 0);
        Marshal.FreeCoTaskMem(name);
    }

    public void SetMemory(long bytes) => ((delegate* unmanaged<ulong, void>)Export("fake_set_memory"))((ulong)bytes);

    /// <summary>The CUDA version the driver says it serves: 12040 for 12.4.</summary>
    public void SetVersion(int version) => ((delegate* unmanaged<int, void>)Export("fake_set_version"))(version);

    /// <summary>The compute capability of the first device: 90.</summary>
    public void SetCapability(int capability) => ((delegate* unmanaged<int, void>)Export("fake_set_capability"))(capability);

    public void SetDevices(int count) => ((delegate* unmanaged<int, void>)Export("fake_set_devices"))(count);

    /// <summary>The library stays loaded: drivers bound to it may still be about.</summary>
    public void Dispose() => _folder.Dispose();

    private static (byte[]?, string) Compile()
    {
        if (OperatingSystem.IsWindows())
            return (null, "the fake CUDA driver is built with cc, on Linux");
        using var folder = new TemporaryDirectory();
        try
        {
            var start = new ProcessStartInfo("cc") { RedirectStandardError = true };
            foreach (var argument in new[] { "-std=c11", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", folder.File("fakecuda.so"), Fixtures.Path("fakecuda", "fakecuda.c") })
                start.ArgumentList.Add(argument);
            using var compiler = Process.Start(start)!;
            var errors = compiler.StandardError.ReadToEnd();
            compiler.WaitForExit();
            // A compiler that is there and rejects the source is no machine's lack.
            if (compiler.ExitCode != 0)
                throw new InvalidOperationException(errors);
            return (File.ReadAllBytes(folder.File("fakecuda.so")), "");
        }
        catch (Win32Exception)
        {
            return (null, "the fake CUDA driver needs a C compiler: there is no cc");
        }
    }

    private int Number(string name) => ((delegate* unmanaged<int>)Export(name))();

    private string Text(string name) => Marshal.PtrToStringUTF8(((delegate* unmanaged<nint>)Export(name))())!;

    private nint Export(string name) => NativeLibrary.GetExport(_handle, name);
}

/// <summary>A launch as it arrived: the Launch of fakecuda.c.</summary>
internal sealed record FakeLaunch(string Entry, uint[] Grid, uint[] Block, uint SharedBytes, byte[] Arguments)
{
    private const int NameBytes = 128;

    public static unsafe FakeLaunch Read(byte* launch)
    {
        var words = (uint*)launch;
        var name = launch + 8 * sizeof(uint);
        return new(
            Marshal.PtrToStringUTF8((nint)name)!, [words[0], words[1], words[2]], [words[3], words[4], words[5]], words[6],
            new ReadOnlySpan<byte>(name + NameBytes, (int)words[7]).ToArray());
    }
}
