namespace Tuna2.Engine.Cuda;

/// <summary>A GPU the driver shows.</summary>
/// <param name="Ordinal">Its number, from 0.</param>
/// <param name="Name">What NVIDIA calls it: "NVIDIA H100 80GB HBM3".</param>
/// <param name="ComputeCapability">9.0.</param>
/// <param name="Architecture">What kernels are compiled for: "sm_90a".</param>
/// <param name="Multiprocessors">Streaming multiprocessors.</param>
/// <param name="MemoryBytes">Bytes of device memory.</param>
public sealed record GpuReport(int Ordinal, string Name, Version ComputeCapability, string Architecture, int Multiprocessors, long MemoryBytes)
{
    /// <summary>The name a device is asked for by: "cuda:0".</summary>
    public string Id => $"cuda:{Ordinal}";

    /// <summary>Why no model runs on it; null when one does. The kernels are made for Ampere and later.</summary>
    public string? Problem => ComputeCapability.Major >= 8 ? null : $"compute capability {ComputeCapability}; the kernels need 8.0";

    internal static GpuReport Of(CudaDevice device) => new(
        device.Ordinal, device.Name, device.Capability, device.Architecture.ToString(), device.Multiprocessors, device.TotalMemory);
}
