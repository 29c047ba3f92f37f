using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Cuda;

/// <summary>
/// The least time a device can take for a cost: its memory's measured speed, and what its cores do at their highest clock.
/// </summary>
/// <param name="BytesPerSecond">Of a copy on this device, read plus written, as measured.</param>
/// <param name="TensorFlopsPerSecond">Of dense bfloat16 products with float32 sums, as stated.</param>
/// <param name="VectorFlopsPerSecond">Of float32 multiply-adds, as stated.</param>
internal sealed record Roofline(double BytesPerSecond, double TensorFlopsPerSecond, double VectorFlopsPerSecond)
{
    /// <summary>The roofline of a device.</summary>
    /// <param name="bytesPerSecond">Its memory, measured.</param>
    /// <param name="capability">Compute capability, 90 for 9.0.</param>
    /// <param name="multiprocessors">Multiprocessors.</param>
    /// <param name="hertz">Highest clock.</param>
    public static Roofline Of(double bytesPerSecond, int capability, int multiprocessors, double hertz)
    {
        var (tensor, vector) = FlopsPerClock(capability);
        return new(bytesPerSecond, tensor * (double)multiprocessors * hertz, vector * (double)multiprocessors * hertz);
    }

    /// <summary>
    /// What a multiprocessor does in a clock, dense, from NVIDIA's architecture papers. GeForce cards of 8.6, 8.9 and 12.0 do half of
    /// the tensor figure with float32 sums: their percentages read low.
    /// </summary>
    public static (int Tensor, int Vector) FlopsPerClock(int capability) => capability switch
    {
        80 => (2048, 128),
        < 90 => (1024, 256),
        < 100 => (4096, 256),
        < 120 => (8192, 256),
        _ => (1024, 256),
    };

    /// <summary>The roofline of a device whose memory was measured.</summary>
    public static Roofline Of(double bytesPerSecond, CudaDevice device) =>
        Of(bytesPerSecond, device.Architecture.Capability, device.Multiprocessors, device.ClockKilohertz * 1e3);

    /// <summary>Whether a kernel's products are the tensor cores'.</summary>
    public static bool UsesTensorCores(KernelInstance kernel) =>
        kernel.Source is "matmul.cu" or "matmul_hopper.cu" or "attention.cu" or "attention_hopper.cu" || (kernel.Source == "patchify.cu" && kernel.Defines.Contains("ELEMENT=bf16"));

    /// <summary>Seconds a launch takes at least.</summary>
    public double Seconds(KernelInstance kernel, Cost cost) => Math.Max(MemorySeconds(cost), ComputeSeconds(kernel, cost));

    /// <summary>Whether memory decides it.</summary>
    public bool IsMemoryBound(KernelInstance kernel, Cost cost) => MemorySeconds(cost) >= ComputeSeconds(kernel, cost);

    private double MemorySeconds(Cost cost) => cost.Bytes / BytesPerSecond;

    private double ComputeSeconds(KernelInstance kernel, Cost cost) => cost.Flops / (UsesTensorCores(kernel) ? TensorFlopsPerSecond : VectorFlopsPerSecond);
}
