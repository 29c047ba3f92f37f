using System.Text;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Cuda.Compiler;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Cuda;

/// <summary>
/// Images as the fake driver takes them: an image is the names of its entry point and its instance, and one with '!' before it is
/// damaged.
/// </summary>
internal sealed class TestImages : IKernelImages
{
    public int Damaged { get; init; }

    public int Given { get; private set; }

    public CompiledKernel Get(KernelInstance kernel) => new()
    {
        Instance = kernel,
        Architecture = "sm_90a",
        IsPtx = false,
        Image = Encoding.UTF8.GetBytes($"{(Given++ < Damaged ? "!" : "")}{kernel.Entry}:{kernel.Name}\0"),
        Resources = null,
        Log = "",
    };

    public CompiledKernel? Replace(CompiledKernel rejected) => Get(rejected.Instance);
}
