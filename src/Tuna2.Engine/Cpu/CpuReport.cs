using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Tuna2.Engine.Cpu;

/// <summary>The processor, as the CPU kernels use it.</summary>
/// <param name="Name">What its maker calls it: "AMD EPYC 7763 64-Core Processor"; its architecture where the system does not say.</param>
/// <param name="Processors">Logical processors this process may use: the threads of "--threads 0".</param>
/// <param name="Simd">The vector width <see cref="SimdLevel.Auto"/> stands for.</param>
/// <param name="Instructions">The extensions .NET sees that matter here: "AVX2", "FMA", "AVX-512", "NEON".</param>
/// <param name="MemoryBytes">Bytes of memory this process may use: the machine's, or its container's limit.</param>
/// <param name="AvailableBytes">Bytes of that which are free, or can be freed at once.</param>
public sealed record CpuReport(string Name, int Processors, SimdLevel Simd, IReadOnlyList<string> Instructions, long MemoryBytes, long AvailableBytes)
{
    /// <summary>Looks.</summary>
    public static CpuReport Probe()
    {
        var memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        return new(NameOf(), Environment.ProcessorCount, SimdLevel.Auto.Resolve(), [.. InstructionsOf()], memory, Math.Min(SystemMemory.AvailableBytes ?? memory, memory));
    }

    private static string NameOf() => (OperatingSystem.IsWindows()
        ? Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER")
        : Line("/proc/cpuinfo", "model name")) ?? RuntimeInformation.ProcessArchitecture.ToString();

    private static IEnumerable<string> InstructionsOf()
    {
        if (Avx2.IsSupported)
            yield return "AVX2";
        if (Fma.IsSupported)
            yield return "FMA";
        if (Avx512F.IsSupported)
            yield return "AVX-512";
        if (AdvSimd.IsSupported)
            yield return "NEON";
    }

    /// <summary>The value of the first line "name : value" of a file; null where there is none.</summary>
    private static string? Line(string path, string name)
    {
        try
        {
            return File.Exists(path)
                ? File.ReadLines(path).FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal)) is { } line ? line[(line.IndexOf(':') + 1)..].Trim() : null
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
