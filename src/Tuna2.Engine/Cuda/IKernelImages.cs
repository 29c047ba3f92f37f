using Tuna2.Engine.Cuda.Compiler;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Cuda;

/// <summary>Where kernels to load come from.</summary>
internal interface IKernelImages
{
    /// <summary>The kernel for this device.</summary>
    /// <exception cref="DeviceException">There is none.</exception>
    CompiledKernel Get(KernelInstance kernel);

    /// <summary>Another image for one that the driver rejected; null where there is no other.</summary>
    CompiledKernel? Replace(CompiledKernel rejected);
}

/// <summary>Kernels from the compiler and its cache.</summary>
/// <param name="compiler">The compiler.</param>
/// <param name="architecture">What the device executes.</param>
internal sealed class CompilerImages(KernelCompiler compiler, CudaArchitecture architecture) : IKernelImages
{
    private readonly string _architecture = architecture.ToString();

    /// <inheritdoc/>
    public CompiledKernel Get(KernelInstance kernel) => compiler.Compile(kernel, _architecture);

    /// <summary>A cached image may be damaged in a way its checksum does not show: it is compiled anew. A fresh one is what it is.</summary>
    public CompiledKernel? Replace(CompiledKernel rejected) => rejected.Cached ? compiler.Recompile(rejected, _architecture) : null;
}
