using System.Runtime.InteropServices;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Sampling;

/// <summary>The CPU backend, whose activation memory can be filled with NaN between runs.</summary>
internal sealed class PoisoningBackend : IBackend
{
    private readonly CpuBackend _cpu = new(2);
    private readonly List<IDeviceBuffer> _arenas = [];

    public string Name => _cpu.Name;

    /// <summary>Overwrites every arena allocated so far.</summary>
    public void Poison()
    {
        foreach (var arena in _arenas)
            _cpu.Upload(MemoryMarshal.AsBytes(Enumerable.Repeat(float.NaN, (int)(arena.Bytes / sizeof(float))).ToArray().AsSpan()), arena, 0);
    }

    /// <summary>States start as NaN too: nothing may read what nobody wrote.</summary>
    public IDeviceBuffer Allocate(long bytes, string what)
    {
        var buffer = _cpu.Allocate(bytes, what);
        _cpu.Upload(MemoryMarshal.AsBytes(Enumerable.Repeat(float.NaN, (int)(bytes / sizeof(float))).ToArray().AsSpan()), buffer, 0);
        if (what == "activations")
            _arenas.Add(buffer);
        return buffer;
    }

    public void Upload(ReadOnlySpan<byte> source, IDeviceBuffer destination, long offset) => _cpu.Upload(source, destination, offset);

    public void Download(IDeviceBuffer source, long offset, Span<byte> destination) => _cpu.Download(source, offset, destination);

    public bool FusesSwiGlu(MatMul product) => _cpu.FusesSwiGlu(product);

    public GraphProgram Prepare(Plan plan, IMemoryMap memory, BatchBounds bounds) => _cpu.Prepare(plan, memory, bounds);

    public void Dispose() => _cpu.Dispose();
}
