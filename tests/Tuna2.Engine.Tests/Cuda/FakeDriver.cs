using System.Runtime.InteropServices;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Tests.Native;

namespace Tuna2.Engine.Tests.Cuda;

/// <summary>A CUDA driver on host memory.</summary>
internal sealed unsafe class FakeDriver() : FakeLibrary("fakecuda", "libcuda.so.1")
{
    /// <summary>How often the primary context is held.</summary>
    public int Retained => Number("fake_retained");

    /// <summary>Contexts pushed and not popped.</summary>
    public int Depth => Number("fake_depth");

    /// <summary>A function of its test's side, for a library that is on its streams.</summary>
    public nint Function(string name) => Export(name);

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

    public void SetMemory(long bytes) => ((delegate* unmanaged<ulong, void>)Export("fake_set_memory"))((ulong)bytes);

    /// <summary>The CUDA version the driver says it serves: 12040 for 12.4.</summary>
    public void SetVersion(int version) => ((delegate* unmanaged<int, void>)Export("fake_set_version"))(version);

    /// <summary>The compute capability of the first device: 90.</summary>
    public void SetCapability(int capability) => ((delegate* unmanaged<int, void>)Export("fake_set_capability"))(capability);

    public void SetDevices(int count) => ((delegate* unmanaged<int, void>)Export("fake_set_devices"))(count);
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
