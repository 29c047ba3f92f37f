using Tuna2.Engine.Cuda.Compiler;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Cuda;

/// <summary>Kernels compiled ahead, and others where there is none for a kernel or the driver rejects it.</summary>
/// <param name="archives">The archives, the first asked first.</param>
/// <param name="architecture">What the device executes.</param>
/// <param name="others">Makes the others, when one is first needed: a machine whose kernels are all packed needs no compiler.</param>
internal sealed class PackedImages(IReadOnlyList<KernelArchive> archives, CudaArchitecture architecture, Func<IKernelImages> others) : IKernelImages
{
    private readonly Lazy<IKernelImages> _others = new(others);

    /// <summary>Those packed with the program, and NVRTC behind them.</summary>
    public static PackedImages Of(CudaArchitecture architecture) =>
        new(KernelArchive.All, architecture, () => new CompilerImages(new KernelCompiler(), architecture));

    /// <inheritdoc/>
    public CompiledKernel Get(KernelInstance kernel)
    {
        foreach (var archive in archives)
            if (archive.Find(kernel, architecture) is { } packed)
                return packed;
        return Other(kernel, "there is no packed code for it");
    }

    /// <inheritdoc/>
    public CompiledKernel? Replace(CompiledKernel rejected) =>
        rejected.Packed ? Other(rejected.Instance, "the driver rejects the packed code") : _others.Value.Replace(rejected);

    private CompiledKernel Other(KernelInstance kernel, string why)
    {
        try
        {
            return _others.Value.Get(kernel);
        }
        catch (DeviceException e) when (!_others.IsValueCreated)
        {
            throw new DeviceException($"{kernel.Name} for {architecture}: {why}, and {e.Message}", e);
        }
    }
}
