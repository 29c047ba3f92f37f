using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Tests.Native;

namespace Tuna2.Engine.Tests.Cuda;

/// <summary>What the fake driver calls to run a kernel: the host runner.</summary>
internal static unsafe class FakeExecutor
{
    private const int LaunchFailed = 719;

    private static readonly HostRunner _runner = new();

    /// <summary>What the host runner found wrong with launches, in all tests: there should be nothing.</summary>
    public static ConcurrentQueue<string> Faults { get; } = [];

    [UnmanagedCallersOnly(CallConvs = new[] { typeof(CallConvCdecl) })]
    public static int Run(byte* instance, uint* grid, uint block, uint sharedBytes, byte* arguments, uint argumentBytes)
    {
        try
        {
            _runner.Launch(
                KernelCatalog.Get(Marshal.PtrToStringUTF8((nint)instance)!), new LaunchShape((int)grid[0], (int)grid[1], (int)grid[2], (int)block, (int)sharedBytes),
                new ReadOnlySpan<byte>(arguments, (int)argumentBytes), "");
            return 0;
        }
        catch (Exception e)
        {
            // No exception may pass through the driver: it becomes what a GPU would report.
            Faults.Enqueue(e.Message);
            return LaunchFailed;
        }
    }
}
