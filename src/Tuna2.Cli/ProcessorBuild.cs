using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tuna2.Cli;

/// <summary>
/// NativeAOT compiles for one set of instructions. What every x86-64 has is too little to compute with, and a program that needs
/// more ends at once where there is less. So a published folder holds tuna2 for every level of the architecture (NativeAot.targets):
/// the plain one runs everywhere and goes on as the best of the others that this machine can run.
/// </summary>
internal static partial class ProcessorBuild
{
    /// <summary>
    /// The levels, best first, and what Linux calls the instructions they need. x86-64-v4 goes without the first processors that have
    /// AVX-512 (no VBMI2): they clock down under it, and the JIT does not use it there either.
    /// </summary>
    private static readonly (string Level, string[] Needs)[] _levels =
    [
        ("x86-64-v4", ["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl", "avx512_vbmi2"]),
        ("x86-64-v3", ["avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"]),
    ];

    /// <summary>Goes on as the best program for this machine that lies beside this one; returns when that is this one.</summary>
    public static void Enter(string[] args)
    {
        // What the JIT compiles, and what was compiled for a newer level, is the best already. Compile-time constants, all of them.
        if (RuntimeFeature.IsDynamicCodeSupported || !X86Base.IsSupported || Vector256.IsHardwareAccelerated || !OperatingSystem.IsLinux())
            return;
        if (Environment.ProcessPath is not { } program)
            return;
        foreach (var level in Levels(ReadFlags()))
            if ($"{program}.{level}" is var better && File.Exists(better))
                // Does not return unless it fails, and then there is the next best.
                _ = Execute(better, [better, .. args, null]);
    }

    /// <summary>The levels above the plain one that a processor with these flags has, best first.</summary>
    internal static IEnumerable<string> Levels(IReadOnlySet<string> flags)
    {
        for (var i = 0; i < _levels.Length; i++)
            if (_levels[i..].All(level => level.Needs.All(flags.Contains)))
                yield return _levels[i].Level;
    }

    /// <summary>What the kernel lets programs use of the first processor, which is not all it may have; empty when it does not say.</summary>
    private static HashSet<string> ReadFlags()
    {
        try
        {
            return Flags(File.ReadLines("/proc/cpuinfo"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>The words of the first line "flags : ..." of /proc/cpuinfo.</summary>
    internal static HashSet<string> Flags(IEnumerable<string> lines) =>
        [.. (lines.FirstOrDefault(line => line.StartsWith("flags", StringComparison.Ordinal)) ?? "").Split(' ')];

    [LibraryImport("libc", EntryPoint = "execv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Execute(string path, string?[] arguments);
}
