using System.Runtime.CompilerServices;
using Tuna2.Engine.Kernels;

namespace Tuna2.Bench.Cases;

/// <summary>Addresses of a set of buffers, one behind the other; <see cref="Bytes"/> is their size. Nothing is written.</summary>
/// <param name="begin">Address of the first.</param>
/// <param name="tensorMaps">Makes tensor maps; null where only sizes are asked for, and maps are empty.</param>
internal sealed class SetLayout(ulong begin, ITensorMaps? tensorMaps = null) : ICaseMemory
{
    /// <summary>What the driver aligns its own allocations to.</summary>
    public const int Alignment = 256;

    private readonly ulong _begin = begin;
    private ulong _next = begin;

    /// <summary>Bytes so far.</summary>
    public long Bytes => (long)(_next - _begin);

    /// <inheritdoc/>
    public ulong Random(ElementType element, long count) => Take(count * element.Size());

    /// <inheritdoc/>
    public ulong Output(ElementType element, long count) => Take(count * element.Size());

    /// <inheritdoc/>
    public ulong Updated(ElementType element, long count) => Take(count * element.Size());

    /// <inheritdoc/>
    public ulong Table<T>(params ReadOnlySpan<T> values) where T : unmanaged => Take((long)values.Length * Unsafe.SizeOf<T>());

    /// <inheritdoc/>
    public ITensorMaps TensorMaps => tensorMaps ?? new EmptyMaps();

    private sealed class EmptyMaps : ITensorMaps
    {
        public TensorMap MapOf(ulong address, int rows, int columns, int boxRows) => default;

        public TensorMap MapOfPairs(ulong address, int rows, int columns) => default;
    }

    private ulong Take(long bytes)
    {
        var address = _next;
        _next += (ulong)((bytes + Alignment - 1) / Alignment * Alignment);
        return address;
    }
}
