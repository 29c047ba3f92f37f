using Tuna2.Bench.Cases;
using Tuna2.Engine.Cuda;

namespace Tuna2.Bench;

/// <summary>The GPU the benchmarks run on, with what launching takes, and its roofline.</summary>
internal sealed class BenchDevice : IDisposable
{
    private const long CopyBytes = 1L << 30;
    private const int Copies = 11;

    private readonly CublasLtHandle? _lt;

    public BenchDevice(CudaDevice device)
    {
        Device = device;
        Context = new(device);
        try
        {
            Stream = new(Context);
            Queue = new(Stream);
            Memory = new(Queue);
            Kernels = new(Context, PackedImages.Of(device.Architecture));
            Launcher = new(Stream, Kernels);
            TensorMaps = new(Context);
            Hopper = HopperDevice.Of(Context);
            if (CublasLtLibrary.Find(device.Driver).Path is not null)
                Products = new CublasLtProducts(_lt = new(Context, CublasLtLibrary.Load(device.Driver)), Stream, Memory);
            Roofline = Roofline.Of(MeasureCopy(), device);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The one in use: benchmark classes are made by BenchmarkDotNet, which hands them nothing.</summary>
    public static BenchDevice Current { get; set; } = null!;

    public CudaDevice Device { get; }
    public CudaContext Context { get; }
    public CudaStream Stream { get; } = null!;
    public CudaQueue Queue { get; } = null!;
    public CudaMemory Memory { get; } = null!;
    public CudaKernels Kernels { get; } = null!;
    public CudaLauncher Launcher { get; } = null!;
    public CudaTensorMaps TensorMaps { get; } = null!;

    /// <summary>Null on another GPU.</summary>
    public HopperDevice? Hopper { get; }

    /// <summary>cuBLASLt's; null where it is not there.</summary>
    public IProducts? Products { get; }

    public Roofline Roofline { get; } = null!;

    /// <inheritdoc/>
    public void Dispose()
    {
        Products?.Dispose();
        _lt?.Dispose();
        Kernels?.Dispose();
        Queue?.Dispose();
        Stream?.Dispose();
        Context.Dispose();
    }

    /// <summary>Bytes read and written per second by the driver's own copy of a gibibyte: the median of some.</summary>
    private double MeasureCopy()
    {
        using CudaBuffer from = new(Context, CopyBytes, "the copy's source"), to = new(Context, CopyBytes, "the copy's target");
        using CudaEvent start = new(Context, timed: true), end = new(Context, timed: true);
        Memory.Fill(from, 0x5A);
        var milliseconds = new float[Copies];
        for (var i = 0; i < Copies; i++)
        {
            start.Record(Stream);
            Memory.Copy(from, 0, to, 0, CopyBytes);
            end.Record(Stream);
            end.Synchronize();
            milliseconds[i] = end.MillisecondsSince(start);
        }
        Array.Sort(milliseconds);
        return 2 * CopyBytes / (milliseconds[Copies / 2] / 1e3);
    }
}
