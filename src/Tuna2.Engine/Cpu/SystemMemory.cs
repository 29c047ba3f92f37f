using System.Globalization;
using Tuna2.Engine.Interop;

namespace Tuna2.Engine.Cpu;

/// <summary>What this machine, and the container or limit this process is in, can still give.</summary>
public static class SystemMemory
{
    /// <summary>
    /// Bytes this process can still take without swapping or being killed; null where the system does not say. On Linux the
    /// least of what the kernel calls available, what the memory cgroups leave (version 1 and 2) and what the address-space
    /// limit leaves; on Windows the physical memory that is free, within what may be committed; elsewhere all physical memory.
    /// Memory that was taken here and not yet touched counts as taken.
    /// </summary>
    public static long? AvailableBytes
    {
        get
        {
            if (OperatingSystem.IsLinux())
                return OnLinux("/", CpuBuffer.Live);
            if (OperatingSystem.IsWindows())
                return Kernel32.AvailableBytes() is { } bytes ? bytes : null;
            // What macOS calls free leaves out all it would give back; only what can never fit is refused there.
            return GC.GetGCMemoryInfo().TotalAvailableMemoryBytes is > 0 and var all ? all : null;
        }
    }

    /// <summary>The answer for Linux, from the files under <paramref name="root"/>.</summary>
    /// <param name="root">"/", or a folder that stands for it.</param>
    /// <param name="taken">Bytes this process has taken for tensors; those not yet touched are nowhere in the kernel's books.</param>
    internal static long? OnLinux(string root, long taken)
    {
        var physical = Least(Field(Lines(root, "proc/meminfo"), "MemAvailable:") * 1024, Cgroups(root));
        var status = Lines(root, "proc/self/status");
        if (Field(status, "RssAnon:") is { } resident)
            physical -= Math.Max(0, taken - (resident + (Field(status, "VmSwap:") ?? 0)) * 1024);
        return Least(physical, AddressSpace(root)) is { } bytes ? Math.Max(0, bytes) : null;
    }

    /// <summary>What the memory cgroups this process is in leave, the innermost and all around it.</summary>
    private static long? Cgroups(string root)
    {
        long? least = null;
        foreach (var line in Lines(root, "proc/self/cgroup"))
        {
            // hierarchy:controllers:path; version 2 has one line with no controllers.
            if (line.Split(':', 3) is not [_, var controllers, var path])
                continue;
            if (controllers.Length == 0)
                Walk("sys/fs/cgroup", path, "memory.max", "memory.current", "");
            else if (controllers.Split(',').Contains("memory"))
                Walk("sys/fs/cgroup/memory", path, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_");
        }
        return least;

        void Walk(string mount, string path, string limitName, string usageName, string prefix)
        {
            // In a container the path may be the host's, of which nothing is to be seen but the mount's own files.
            var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
            for (var depth = parts.Length; depth >= 0; depth--)
            {
                var group = string.Join('/', [mount, .. parts[..depth]]);
                if (Number(root, $"{group}/{limitName}") is not { } limit || Number(root, $"{group}/{usageName}") is not { } usage)
                    continue;
                // Cached files count as used and are given back on demand.
                var stat = Lines(root, $"{group}/memory.stat");
                var cached = (Field(stat, $"{prefix}inactive_file") ?? 0) + (Field(stat, $"{prefix}active_file") ?? 0);
                least = Least(least, limit - Math.Max(0, usage - cached));
            }
        }
    }

    /// <summary>What <c>ulimit -v</c> leaves.</summary>
    private static long? AddressSpace(string root)
    {
        const string name = "Max address space";
        var line = Lines(root, "proc/self/limits").FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal));
        return line is not null && First(line[name.Length..]) is { } limit && First(Lines(root, "proc/self/statm").FirstOrDefault()) is { } pages
            ? limit - pages * Environment.SystemPageSize
            : null;
    }

    private static long? Least(long? a, long? b) => a is { } x && b is { } y ? Math.Min(x, y) : a ?? b;

    private static long? Field(IEnumerable<string> lines, string name) =>
        lines.FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal)) is { } line ? First(line[name.Length..]) : null;

    private static long? Number(string root, string file) => First(Lines(root, file).FirstOrDefault());

    /// <summary>The number a text begins with; null for "max" and "unlimited".</summary>
    private static long? First(string? text) =>
        text?.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries) is [var word, ..]
        && long.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static string[] Lines(string root, string file)
    {
        try
        {
            return File.ReadAllLines(Path.Combine(root, file));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
