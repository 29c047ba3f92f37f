using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Cuda;

/// <summary>Loads what is launched and launches nothing: what must be done before a capture, where loading is not allowed.</summary>
/// <param name="kernels">The device's kernels.</param>
/// <param name="warms">
/// Whether products run once where they never did, within a turn, so that their library loads what they run; our kernels are
/// loaded by then.
/// </param>
internal sealed class LoadingLauncher(CudaKernels kernels, bool warms = false) : ILauncher
{
    /// <summary>Whether products run that never did.</summary>
    public bool Warms => warms;

    /// <summary>The same, behind it: runs products that never ran.</summary>
    public LoadingLauncher ToWarm() => new(kernels, warms: true);

    /// <inheritdoc/>
    public void Launch(KernelInstance kernel, in LaunchShape shape, ReadOnlySpan<byte> arguments, string node)
    {
        if (!warms)
            kernels.Get(kernel).Prepare(new LaunchSite(kernel, shape, node));
    }
}
