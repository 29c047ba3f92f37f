using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Cuda;

/// <summary>Every op on a GPU: the device's context, stream, kernels and memory, opened together and given back in order.</summary>
internal sealed class CudaBackend : IBackend
{
    /// <summary>The oldest driver that has every function and takes what NVRTC 12 makes.</summary>
    private static readonly Version _oldestDriver = new(12, 0);

    private static readonly CudaArchitecture _oldestDevice = CudaArchitecture.Parse("sm_80");

    private readonly CudaContext _context;
    private readonly CudaStream? _stream;
    private readonly CudaKernels? _kernels;
    private readonly CudaQueue? _queue;
    private readonly CublasLtHandle? _lt;
    private readonly CudaMemory _memory = null!;
    private readonly KernelBackend _backend = null!;

    private CudaBackend(CudaDevice device, IKernelImages images, CublasLtLibrary? library, ProductTuning? tuning, ElementType element, CudaOptions options)
    {
        _context = new(device);
        try
        {
            _stream = new(_context);
            _kernels = new(_context, images);
            _queue = new(_stream);
            _memory = new(_queue);
            // One kernel stands for all: where none can be had, that is known now and not in the middle of a picture.
            _kernels.Get(new AdvanceStep().Instance);
            CublasLtProducts? products = null;
            if (library is not null)
            {
                _lt = new(_context, library);
                products = new(_lt, _stream, _memory, tuning);
            }
            try
            {
                var launcher = new CudaLauncher(_stream, _kernels) { Synchronous = options.Synchronous };
                _backend = new(launcher, _memory, element, Name, products, _queue, options.Graphs && !options.Synchronous ? new LoadingLauncher(_kernels) : null,
                    options.Hopper ? HopperDevice.Of(_context) : null);
            }
            catch
            {
                products?.Dispose();
                throw;
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The device.</summary>
    public CudaDevice Device => _context.Device;

    /// <inheritdoc/>
    public string Name => $"cuda:{Device.Ordinal}";

    /// <inheritdoc/>
    public string? Tuning => _backend.Tuning;

    /// <inheritdoc/>
    public int ActivationBytes => _backend.ActivationBytes;

    /// <inheritdoc/>
    public Precision? MatrixPrecision => _backend.MatrixPrecision;

    /// <inheritdoc/>
    public long? AvailableBytes => _context.FreeMemory;

    /// <inheritdoc/>
    public bool KeepsSlots => true;

    /// <inheritdoc/>
    public bool FusesSwiGlu(Graph.Ops.MatMul product) => _backend.FusesSwiGlu(product);

    /// <inheritdoc/>
    public bool RowsDecideBits => true;

    /// <summary>Opens a device.</summary>
    /// <param name="ordinal">The N of cuda:N.</param>
    /// <param name="model">The type to compute in, bfloat16 unless float32 is asked for, and the tuning.</param>
    /// <param name="options">Where driver and kernels are.</param>
    /// <exception cref="RequestException">The tuning cannot be read.</exception>
    /// <exception cref="DeviceException">The driver, the device or its kernels are not there or too old; the message says which.</exception>
    public static CudaBackend Open(int ordinal, TunaModelOptions model, CudaOptions options)
    {
        var driver = CudaDriver.Load(options.DriverPath);
        if (driver.Version < _oldestDriver)
            throw new DeviceException($"the NVIDIA driver serves CUDA {driver.Version}, and {_oldestDriver} is needed: update it");
        var device = driver.Device(ordinal);
        if (!device.Architecture.Satisfies(_oldestDevice))
            throw new DeviceException($"{device.Name} is {device.Architecture}, and kernels need {_oldestDevice} or newer");
        var images = options.Images?.Invoke(device) ?? PackedImages.Of(device.Architecture);
        var library = options.Products(driver);
        if (model.Tuning is not null && library is null)
            throw new DeviceException($"{model.Tuning}: a tuning is for cuBLASLt, which is not there");
        var tuning = model.Tuning is { } path ? ProductTuning.Read(path) : null;
        return new(device, images, library, tuning, model.ComputeType == ComputeType.F32 ? ElementType.F32 : ElementType.BF16, options);
    }

    /// <inheritdoc/>
    public IDeviceBuffer Allocate(long bytes, string what) => _backend.Allocate(bytes, what);

    /// <inheritdoc/>
    public void Upload(ReadOnlySpan<byte> source, IDeviceBuffer destination, long offset) => _backend.Upload(source, destination, offset);

    /// <inheritdoc/>
    public void Download(IDeviceBuffer source, long offset, Span<byte> destination) => _backend.Download(source, offset, destination);

    /// <inheritdoc/>
    public void Copy(IDeviceBuffer source, long sourceOffset, IDeviceBuffer destination, long destinationOffset, long bytes) =>
        _backend.Copy(source, sourceOffset, destination, destinationOffset, bytes);

    /// <inheritdoc/>
    public void Fill(HashedTensor tensor, long count, Precision precision, IDeviceBuffer destination, long offset) =>
        _backend.Fill(tensor, count, precision, destination, offset);

    /// <inheritdoc/>
    public IUploader OpenUploader() => new CudaUploader(_queue!, _memory);

    /// <inheritdoc/>
    public GraphProgram Prepare(Plan plan, IMemoryMap memory, BatchBounds bounds) => _backend.Prepare(plan, memory, bounds);

    /// <inheritdoc/>
    public void Dispose()
    {
        _backend?.Dispose();
        _lt?.Dispose();
        _queue?.Dispose();
        _kernels?.Dispose();
        _stream?.Dispose();
        _context.Dispose();
    }
}
