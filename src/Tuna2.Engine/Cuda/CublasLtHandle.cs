using Tuna2.Engine.Interop;

namespace Tuna2.Engine.Cuda;

/// <summary>cuBLASLt on a device. Several threads may use it at once; what they need of their own is in <see cref="CublasLtProducts"/>.</summary>
internal sealed unsafe class CublasLtHandle : IDisposable
{
    private const long FirstRowScales = 120900;

    private static readonly Version _rowScales = new(9, 0);

    private nint _handle;

    /// <exception cref="DeviceException">The library does not work with this device or driver.</exception>
    public CublasLtHandle(CudaContext context, CublasLtLibrary library)
    {
        (Context, Library) = (context, library);
        using var _ = context.Enter();
        nint handle;
        library.Check(library.Api.cublasLtCreate(&handle));
        _handle = handle;
        context.AddReference();
    }

    /// <summary>Where it lives.</summary>
    public CudaContext Context { get; }

    /// <summary>The library.</summary>
    public CublasLtLibrary Library { get; }

    /// <summary>The functions.</summary>
    public CublasLt Api => Library.Api;

    /// <summary>The library's handle.</summary>
    public nint Handle
    {
        get
        {
            ObjectDisposedException.ThrowIf(_handle == 0, this);
            return _handle;
        }
    }

    /// <summary>Bytes of workspace a stream gives its products: what NVIDIA advises, 32 MiB from Hopper on and 4 MiB before.</summary>
    public int WorkspaceBytes => Context.Device.Capability.Major >= 9 ? 32 << 20 : 4 << 20;

    /// <summary>Whether it multiplies eight-bit floats that have a scale a row: since 12.9, and on compute capability 9.0 alone.</summary>
    public bool HasRowScales => Library.Number >= FirstRowScales && Context.Device.Capability == _rowScales;

    /// <summary>
    /// The error of a failed call, naming it, the product and the node. A lost device makes such calls fail too: then the error is that
    /// of the loss.
    /// </summary>
    public DeviceException Error(cublasStatus_t status, string call, in ProductShape shape, string node)
    {
        nuint free, total;
        Context.Check(Context.Api.cuMemGetInfo_v2(&free, &total));
        return new($"cuda:{Context.Device.Ordinal}: {Library.Describe(status)} in {call}, product {shape}{(string.IsNullOrEmpty(node) ? "" : $", node {node}")}");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _handle, 0) is not (var handle and not 0))
            return;
        using (var scope = Context.EnterToFree())
            if (scope.IsCurrent)
                Api.cublasLtDestroy(handle);
        Context.Release();
    }
}
