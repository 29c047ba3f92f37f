using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Text;

namespace Tuna2.Engine.Interop;

/// <summary>The two questions to Linux that .NET does not ask: who am I, and whose file is this.</summary>
[SupportedOSPlatform("linux")]
internal static unsafe partial class Libc
{
    private const int AT_FDCWD = -100;
    private const uint STATX_UID = 0x8;

    /// <summary>The user that file permissions are checked against.</summary>
    [LibraryImport("libc")]
    public static partial uint geteuid();

    /// <summary>The user that owns a file or folder, links followed; null when it cannot be asked.</summary>
    public static uint? Owner(string path)
    {
        // statx rather than stat: its structure is the same on every architecture. The owner stands at byte 20 of 256.
        var status = stackalloc uint[64];
        fixed (byte* name = Encoding.UTF8.GetBytes(path + '\0'))
            return statx(AT_FDCWD, name, 0, STATX_UID, status) == 0 ? status[5] : null;
    }

    [LibraryImport("libc")]
    private static partial int statx(int dirfd, byte* pathname, int flags, uint mask, uint* statxbuf);
}
