using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Cuda;

/// <summary>Loads what is launched and launches nothing: what must be done before a capture, where loading is not allowed.</summary>
/// <param name="kernels">The device's kernels.</param>
internal sealed class LoadingLauncher(CudaKernels kernels) : ILauncher
{
    /// <inheritdoc/>
    public void Launch(KernelInstance kernel, in LaunchShape shape, ReadOnlySpan<byte> arguments, string node) =>
        kernels.Get(kernel).Prepare(new LaunchSite(kernel, shape, node));
}
