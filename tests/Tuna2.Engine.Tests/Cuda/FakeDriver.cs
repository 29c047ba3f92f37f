using System.Runtime.InteropServices;
using Tuna2.Engine.Cuda;

namespace Tuna2.Engine.Tests.Cuda;

/// <summary>A CUDA driver on host memory.</summary>
internal sealed unsafe class FakeDriver() : FakeLibrary("fakecuda", "libcuda.so.1")
{
    /// <summary>How often the primary context is held.</summary>
    public int Retained => Number("fake_retained");

    /// <summary>Contexts pushed and not popped.</summary>
    public int Depth => Number("fake_depth");

    /// <summary>The function that tells <see cref="Depth"/>.</summary>
    public nint DepthFunction => Export("fake_depth");

    public IReadOnlyList<FakeLaunch> Launches => [.. Enumerable.Range(0, Number("fake_launch_count")).Select(i =>
        FakeLaunch.Read(((delegate* unmanaged<int, byte*>)Export("fake_launch"))(i)))];

    public CudaDriver Load() => CudaDriver.Load(Path);

    public void SetMemory(long bytes) => ((delegate* unmanaged<ulong, void>)Export("fake_set_memory"))((ulong)bytes);

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
