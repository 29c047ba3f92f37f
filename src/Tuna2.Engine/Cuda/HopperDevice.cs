using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Cuda;

/// <summary>What Hopper's own kernels need to know of a GPU that is one.</summary>
/// <param name="Maps">Makes tensor maps.</param>
/// <param name="Multiprocessors">How many there are: a kernel that takes tiles in turn has a block on each.</param>
internal sealed record HopperDevice(ITensorMaps Maps, int Multiprocessors)
{
    private static readonly CudaArchitecture _architecture = CudaArchitecture.Parse("sm_90a");

    /// <summary>Of a context's GPU; null where it is another.</summary>
    public static HopperDevice? Of(CudaContext context) =>
        context.Device.Architecture == _architecture ? new(new CudaTensorMaps(context), context.Device.Multiprocessors) : null;
}
