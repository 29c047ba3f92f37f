using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Cuda;

/// <summary>The kernels of a device, each loaded when it is first asked for. Several threads may ask.</summary>
internal sealed class CudaKernels(CudaContext context, IKernelImages images) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, CudaModule> _loaded = [];
    private bool _disposed;

    /// <summary>The kernel, loaded.</summary>
    /// <exception cref="DeviceException">It cannot be compiled or loaded.</exception>
    public CudaModule Get(KernelInstance kernel)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (!_loaded.TryGetValue(kernel.Name, out var module))
                _loaded[kernel.Name] = module = Load(kernel);
            return module;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            foreach (var module in _loaded.Values)
                module.Dispose();
            _loaded.Clear();
        }
    }

    private CudaModule Load(KernelInstance kernel)
    {
        var image = images.Get(kernel);
        if (CudaModule.TryLoad(context, image, out var rejection) is { } module)
            return module;
        if (images.Replace(image) is { } other && CudaModule.TryLoad(context, other, out rejection) is { } replaced)
            return replaced;
        throw new DeviceException($"cuda:{context.Device.Ordinal}: {rejection} in cuModuleLoadData, loading {image}");
    }
}
