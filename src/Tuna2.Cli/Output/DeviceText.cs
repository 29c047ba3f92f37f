using Tuna2.Engine;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Cuda;

namespace Tuna2.Cli.Output;

/// <summary>Devices in a line each.</summary>
internal static class DeviceText
{
    /// <summary>"AMD EPYC 7763, 2 threads, AVX2 (of AVX2, FMA), 22.1 GiB of 23.4 GiB memory available".</summary>
    public static string Of(CpuReport cpu) => $"{Processor(cpu)}, {Memory(cpu)}";

    /// <summary>"AMD EPYC 7763, 2 threads, Avx2 (AVX2, FMA)".</summary>
    public static string Processor(CpuReport cpu) =>
        $"{cpu.Name}, {cpu.Processors} {(cpu.Processors == 1 ? "thread" : "threads")}, {cpu.Simd} kernels{(cpu.Instructions.Count == 0 ? "" : $" (it has {string.Join(", ", cpu.Instructions)})")}";

    /// <summary>"22.1 GiB of 23.4 GiB memory available".</summary>
    public static string Memory(CpuReport cpu) => $"{ByteCount.Of(cpu.AvailableBytes)} of {ByteCount.Of(cpu.MemoryBytes)} memory available";

    /// <summary>"NVIDIA H100 80GB HBM3, compute capability 9.0, 132 multiprocessors, 79.6 GiB".</summary>
    public static string Of(GpuReport gpu) => $"{gpu.Name}, compute capability {gpu.ComputeCapability}, {gpu.Multiprocessors} multiprocessors, {ByteCount.Of(gpu.MemoryBytes)}";
}
