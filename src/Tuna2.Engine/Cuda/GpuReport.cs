namespace Tuna2.Engine.Cuda;

/// <summary>A GPU the driver shows.</summary>
/// <param name="Ordinal">Its number, from 0.</param>
/// <param name="Name">What NVIDIA calls it: "NVIDIA H100 80GB HBM3".</param>
/// <param name="ComputeCapability">9.0.</param>
/// <param name="Architecture">What kernels are compiled for: "sm_90a".</param>
/// <param name="Multiprocessors">Streaming multiprocessors.</param>
/// <param name="MemoryBytes">Bytes of device memory.</param>
/// <param name="Problem">Why no model runs on it; null when one does.</param>
public sealed record GpuReport(int Ordinal, string Name, Version ComputeCapability, string Architecture, int Multiprocessors, long MemoryBytes, string? Problem)
{
    /// <summary>The name a device is asked for by: "cuda:0".</summary>
    public string Id => $"cuda:{Ordinal}";

    internal static GpuReport Of(CudaDevice device) => new(
        device.Ordinal, device.Name, device.Capability, device.Architecture.ToString(), device.Multiprocessors, device.TotalMemory, DeviceSelection.NoCuda);
}
