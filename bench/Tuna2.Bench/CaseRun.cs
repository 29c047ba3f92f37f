using Tuna2.Bench.Cases;
using Tuna2.Engine;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Kernels;

namespace Tuna2.Bench;

/// <summary>
/// A case on the device: as many sets of its buffers as it takes to exceed the second-level cache twice, and launches that go
/// round them, so that nothing is found in it that would not be there in use.
/// </summary>
internal sealed class CaseRun : IDisposable
{
    private readonly BenchDevice _device;
    private readonly KernelInstance _kernel;
    private readonly LaunchShape _shape;
    private readonly CudaBuffer _arena;
    private readonly byte[][] _arguments;
    private int _next;

    public CaseRun(BenchDevice device, KernelCase measured)
    {
        _device = device;
        (_kernel, _shape) = (measured.Instance, measured.Launch); // asked once: launching must cost little
        var stride = measured.SetBytes;
        var sets = (int)Math.Max(1, (2L * device.Device.L2Bytes + stride - 1) / stride);
        _arena = new(device.Context, sets * stride, measured.Name);
        try
        {
            device.Memory.Fill(_arena, 0);
            var first = new DeviceSet(device.Memory, _arena, device.TensorMaps);
            _arguments = new byte[sets][];
            _arguments[0] = measured.Arguments(first);
            for (var i = 1; i < sets; i++)
            {
                _arguments[i] = measured.Arguments(new SetLayout(_arena.Address + (ulong)(i * stride), device.TensorMaps));
                device.Memory.Copy(_arena, 0, _arena, i * stride, stride);
            }
            Launch();
            device.Stream.Synchronize();
            if (!first.IsFinite())
                throw new DeviceException($"{measured.Name} wrote what is no number: not timed");
        }
        catch
        {
            _arena.Dispose();
            throw;
        }
    }

    /// <summary>Queues a launch on the next set.</summary>
    public void Launch()
    {
        _device.Launcher.Launch(_kernel, _shape, _arguments[_next], "");
        _next = (_next + 1) % _arguments.Length;
    }

    /// <inheritdoc/>
    public void Dispose() => _arena.Dispose();
}
