using Tuna2.Engine.Cpu;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests;

/// <summary>The CPU backend on a machine with as much memory as a test says, counting what is taken of it.</summary>
internal sealed class MeteredBackend : IBackend
{
    private readonly CpuBackend _cpu = new(2);

    public string Name => _cpu.Name;

    /// <summary>What can still be had; null where nobody knows.</summary>
    public long? AvailableBytes { get; set; }

    /// <summary>Bytes taken since <see cref="Reset"/>, freed or not.</summary>
    public long Taken { get; private set; }

    public void Reset() => Taken = 0;

    public IDeviceBuffer Allocate(long bytes, string what)
    {
        Taken += bytes;
        return _cpu.Allocate(bytes, what);
    }

    public void Upload(ReadOnlySpan<byte> source, IDeviceBuffer destination, long offset) => _cpu.Upload(source, destination, offset);

    public void Download(IDeviceBuffer source, long offset, Span<byte> destination) => _cpu.Download(source, offset, destination);

    public bool FusesSwiGlu(MatMul product) => _cpu.FusesSwiGlu(product);

    public GraphProgram Prepare(Plan plan, IMemoryMap memory, BatchBounds bounds) => _cpu.Prepare(plan, memory, bounds);

    public void Dispose() => _cpu.Dispose();
}
