using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Cuda;

/// <summary>Launches kernels on a stream. A kernel is compiled and loaded at its first launch; after that a launch allocates nothing.</summary>
/// <param name="stream">Where launches are queued.</param>
/// <param name="kernels">The device's kernels.</param>
internal sealed class CudaLauncher(CudaStream stream, CudaKernels kernels) : ILauncher
{
    /// <summary>Whether to wait for each launch, so that a fault is reported by the launch that made it. Slow: for finding faults.</summary>
    public bool Synchronous { get; init; }

    /// <inheritdoc/>
    public void Launch(KernelInstance kernel, in LaunchShape shape, ReadOnlySpan<byte> arguments, string node)
    {
        var context = stream.Context;
        var site = new LaunchSite(kernel, shape, node);
        var module = kernels.Get(kernel);
        using var _ = context.Enter();
        module.Launch(site, arguments, stream.Handle);
        context.LastLaunch = site;
        if (Synchronous)
            Wait(context, site);
    }

    private unsafe void Wait(CudaContext context, in LaunchSite site) => context.Check(context.Api.cuStreamSynchronize(stream.Handle), site);
}
