using Tuna2.Engine.Cuda;
using Tuna2.Engine.Kernels;

namespace Tuna2.Bench.Cases;

/// <summary>A measured case: everything but the time comes from the kernel's <see cref="Cost"/>.</summary>
/// <param name="Kernel">The instance.</param>
/// <param name="Shape">The shape.</param>
/// <param name="Microseconds">Median of a launch.</param>
/// <param name="GigabytesPerSecond">Bytes it must move, over the time.</param>
/// <param name="TeraflopsPerSecond">Operations it must do, over the time.</param>
/// <param name="PercentOfBound">The least time the device allows, over the time.</param>
/// <param name="Bound">What the least time comes from: "memory" or "compute".</param>
internal sealed record KernelRow(
    string Kernel, string Shape, double Microseconds, double GigabytesPerSecond, double TeraflopsPerSecond, double PercentOfBound, string Bound)
{
    /// <summary>The row of a time.</summary>
    public static KernelRow Of(KernelCase measured, double seconds, Roofline roofline)
    {
        var cost = measured.Cost;
        return new(
            measured.Instance.Name, measured.Shape, seconds * 1e6, cost.Bytes / seconds / 1e9, cost.Flops / seconds / 1e12,
            100 * roofline.Seconds(measured.Instance, cost) / seconds, roofline.IsMemoryBound(measured.Instance, cost) ? "memory" : "compute");
    }
}
