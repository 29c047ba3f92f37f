using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace Tuna2.Engine.Interop;

/// <summary>What Windows knows about memory and .NET does not say without having collected garbage.</summary>
[SupportedOSPlatform("windows")]
internal static partial class Kernel32
{
    /// <summary>Free physical memory, as far as it may be committed; null when it cannot be asked.</summary>
    public static long? AvailableBytes()
    {
        var status = new MEMORYSTATUSEX { dwLength = (uint)Marshal.SizeOf<MEMORYSTATUSEX>() };
        return GlobalMemoryStatusEx(ref status) ? (long)Math.Min(status.ullAvailPhys, status.ullAvailPageFile) : null;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct MEMORYSTATUSEX
    {
        public uint dwLength;
        public uint dwMemoryLoad;
        public ulong ullTotalPhys;
        public ulong ullAvailPhys;
        public ulong ullTotalPageFile;
        public ulong ullAvailPageFile;
        public ulong ullTotalVirtual;
        public ulong ullAvailVirtual;
        public ulong ullAvailExtendedVirtual;
    }

    [LibraryImport("kernel32")]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool GlobalMemoryStatusEx(ref MEMORYSTATUSEX lpBuffer);
}
