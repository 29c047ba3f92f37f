using System.Runtime.InteropServices;
using Tuna2.Engine.Kernels;

namespace Tuna2.Bench.Cases;

/// <summary>A kernel at a shape the model gives it: a row of the benchmark.</summary>
internal abstract class KernelCase
{
    /// <summary>The shape, in words: "llm qkv 2050 x 4608 x 3584".</summary>
    public required string Shape { get; init; }

    /// <summary>The kernel.</summary>
    public abstract KernelInstance Instance { get; }

    /// <summary>The kernel and the shape; what --filter looks at.</summary>
    public string Name => $"{Instance.Name} {Shape}";

    /// <summary>What a launch must do at least, by the kernel's record.</summary>
    public abstract Cost Cost { get; }

    /// <summary>How it is launched.</summary>
    public abstract LaunchShape Launch { get; }

    /// <summary>Bytes of one set of buffers.</summary>
    public long SetBytes
    {
        get
        {
            var layout = new SetLayout(0);
            Arguments(layout);
            return layout.Bytes;
        }
    }

    /// <summary>The argument for a set of buffers, which it lays out.</summary>
    public abstract byte[] Arguments(ICaseMemory memory);

    /// <inheritdoc/>
    public override string ToString() => Name;

    /// <summary>A case of a record and what makes its argument.</summary>
    public static KernelCase Of<TKernel, TArgs>(string shape, TKernel kernel, Func<ICaseMemory, TArgs> build)
        where TKernel : struct, IKernel<TArgs> where TArgs : unmanaged => new Typed<TKernel, TArgs>(kernel, build) { Shape = shape };

    private sealed class Typed<TKernel, TArgs>(TKernel kernel, Func<ICaseMemory, TArgs> build) : KernelCase
        where TKernel : struct, IKernel<TArgs> where TArgs : unmanaged
    {
        public override KernelInstance Instance => kernel.Instance;

        public override Cost Cost => kernel.Cost(build(new SetLayout(0)));

        public override LaunchShape Launch => kernel.Shape(build(new SetLayout(0)));

        public override byte[] Arguments(ICaseMemory memory) => MemoryMarshal.AsBytes([build(memory)]).ToArray();
    }
}
