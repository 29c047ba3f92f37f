namespace Tuna2.Engine.Kernels;

/// <summary>How a kernel is launched.</summary>
/// <param name="GridX">Blocks along x.</param>
/// <param name="GridY">Blocks along y.</param>
/// <param name="GridZ">Blocks along z.</param>
/// <param name="Block">Threads of a block.</param>
/// <param name="SharedBytes">Dynamic shared memory of a block.</param>
public readonly record struct LaunchShape(int GridX, int GridY, int GridZ, int Block, int SharedBytes = 0)
{
    /// <summary>A grid along x alone, of as many threads as are counted in 32 bits: kernels divide by their sizes, and 64 bits take long to.</summary>
    /// <exception cref="ArgumentException">There are more.</exception>
    public static LaunchShape Of(long threads, int block) => threads <= uint.MaxValue - block
        ? new((int)((threads + block - 1) / block), 1, 1, block)
        : throw new ArgumentException($"{threads} threads are more than one launch has");

    /// <inheritdoc/>
    public override string ToString() => $"grid {GridX}x{GridY}x{GridZ} block {Block} smem {SharedBytes}";
}

/// <summary>What a launch must move and compute at least: the source of every GB/s and percentage that is printed.</summary>
/// <param name="Bytes">Bytes through device memory, each input read once and each output written once.</param>
/// <param name="Flops">Floating-point operations; a multiply-add counts two.</param>
public readonly record struct Cost(long Bytes, long Flops);

/// <summary>The host side of a kernel: everything about its launch. A record per .cu file, with its name.</summary>
/// <typeparam name="TArgs">The kernel's one by-value argument, laid out as in the source.</typeparam>
public interface IKernel<TArgs> where TArgs : unmanaged
{
    /// <summary>The instance to launch.</summary>
    KernelInstance Instance { get; }

    /// <summary>Grid, block and shared memory for these arguments.</summary>
    LaunchShape Shape(in TArgs args);

    /// <summary>What these arguments cost at least.</summary>
    Cost Cost(in TArgs args);
}

/// <summary>
/// The seam between ops and what runs kernels: the CUDA driver, the host runner, or a recorder in tests. Addresses in the
/// arguments are of its own memory.
/// </summary>
public interface ILauncher
{
    /// <summary>Queues a launch. <paramref name="node"/> is where in the graph it stands, for errors.</summary>
    void Launch(KernelInstance kernel, in LaunchShape shape, ReadOnlySpan<byte> arguments, string node);
}
