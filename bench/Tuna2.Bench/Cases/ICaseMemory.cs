using Tuna2.Engine.Kernels;

namespace Tuna2.Bench.Cases;

/// <summary>Where a case puts its buffers. Asked in the same order each time, so that many sets of them can be laid out alike.</summary>
internal interface ICaseMemory
{
    /// <summary>Random elements in [-1, 1): zeros would draw less power, and clocks would be higher than in use.</summary>
    ulong Random(ElementType element, long count);

    /// <summary>Elements the kernel writes; afterwards they must be finite.</summary>
    ulong Output(ElementType element, long count);

    /// <summary>Random elements that the kernel changes in place; afterwards they must be finite.</summary>
    ulong Updated(ElementType element, long count);

    /// <summary>Given values.</summary>
    ulong Table<T>(params ReadOnlySpan<T> values) where T : unmanaged;

    /// <summary>Makes maps of what it has laid out.</summary>
    ITensorMaps TensorMaps { get; }
}
