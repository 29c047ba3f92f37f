using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Cuda.Compiler;

/// <summary>A kernel ready to be loaded.</summary>
public sealed record CompiledKernel
{
    /// <summary>Which kernel.</summary>
    public required KernelInstance Instance { get; init; }

    /// <summary>What it was compiled for: "sm_90a", or "compute_90" when <see cref="IsPtx"/>.</summary>
    public required string Architecture { get; init; }

    /// <summary>
    /// Whether the image is PTX, which the driver compiles when it loads it, rather than machine code: so it is when the GPU is newer
    /// than NVRTC.
    /// </summary>
    public required bool IsPtx { get; init; }

    /// <summary>The cubin, or the PTX with its terminating zero.</summary>
    public required ReadOnlyMemory<byte> Image { get; init; }

    /// <summary>What it takes; null for PTX, and when the assembler's report was not understood.</summary>
    public required KernelResources? Resources { get; init; }

    /// <summary>What the compiler wrote: warnings and the report of resources.</summary>
    public required string Log { get; init; }

    /// <summary>Whether it came from the cache.</summary>
    public bool Cached { get; init; }

    /// <summary>Whether it was compiled ahead and packed with the program.</summary>
    public bool Packed { get; init; }

    /// <summary>What it is kept under.</summary>
    internal KernelKey Key { get; init; }

    /// <inheritdoc/>
    public override string ToString() => $"{Instance.Name} {Architecture}";
}
