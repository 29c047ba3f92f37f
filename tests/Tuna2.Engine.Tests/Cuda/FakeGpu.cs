using System.Runtime.InteropServices;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Cuda;

/// <summary>The fake driver's first device, with all that launching takes.</summary>
internal sealed class FakeGpu : IDisposable
{
    public FakeGpu(FakeDriver fake, IKernelImages? images = null, bool synchronous = false)
    {
        Context = new(fake.Load().Device(0));
        try
        {
            Stream = new(Context);
            Kernels = new(Context, images ?? new TestImages());
            Queue = new(Stream);
            Launcher = new(Stream, Kernels) { Synchronous = synchronous };
            Loader = new(Kernels);
            Memory = new(Queue);
        }
        catch
        {
            Context.Dispose();
            throw;
        }
    }

    public CudaContext Context { get; }
    public CudaStream Stream { get; }
    public CudaKernels Kernels { get; }
    public CudaQueue Queue { get; }
    public CudaLauncher Launcher { get; }
    public LoadingLauncher Loader { get; }
    public CudaMemory Memory { get; }

    public void Launch<TKernel, TArgs>(TKernel kernel, TArgs args, string node = "") where TKernel : struct, IKernel<TArgs> where TArgs : unmanaged =>
        Launcher.Launch(kernel.Instance, kernel.Shape(args), MemoryMarshal.AsBytes(new ReadOnlySpan<TArgs>(in args)), node);

    /// <summary>Captures launches.</summary>
    public CudaGraph Capture(string name, Action<ILauncher> launch) => Queue.Capture(name, Loader, Launcher, launch);

    public void Dispose()
    {
        Queue.Dispose();
        Kernels.Dispose();
        Stream.Dispose();
        Context.Dispose();
    }
}
