using System.Text;
using Tuna2.Engine.Cuda.Compiler;
using Tuna2.Engine.Interop;

namespace Tuna2.Engine.Cuda;

/// <summary>A compiled kernel, loaded: its one entry point and how much shared memory it may use.</summary>
internal sealed unsafe class CudaModule : IDisposable
{
    /// <summary>What every kernel may use of shared memory without asking.</summary>
    public const int DefaultSharedBytes = 48 << 10;

    private readonly CudaContext _context;
    private readonly nint _function;
    private nint _handle;
    private int _sharedBytes = DefaultSharedBytes;

    private CudaModule(CudaContext context, nint handle, nint function)
    {
        _context = context;
        _handle = handle;
        _function = function;
        context.AddReference();
    }

    /// <summary>Loads a kernel's image; null where the driver rejects the image itself: it is damaged, or made for another GPU.</summary>
    /// <exception cref="DeviceException">It cannot be loaded for another reason, or has no such entry point.</exception>
    public static CudaModule? TryLoad(CudaContext context, CompiledKernel kernel, out string rejection)
    {
        using var _ = context.Enter();
        rejection = "";
        nint module, function;
        CUresult result;
        fixed (byte* image = kernel.Image.Span)
            result = context.Api.cuModuleLoadData(&module, image);
        if (result.IsBadImage())
        {
            rejection = context.Driver.Describe(result);
            return null;
        }
        if (result != CUresult.CUDA_SUCCESS)
            context.Check(result, $"loading {kernel}", nameof(Libcuda.cuModuleLoadData));
        fixed (byte* entry = Encoding.UTF8.GetBytes(kernel.Instance.Entry + '\0'))
            result = context.Api.cuModuleGetFunction(&function, module, entry);
        if (result != CUresult.CUDA_SUCCESS)
        {
            context.Note(context.Api.cuModuleUnload(module));
            context.Check(result, $"looking for {kernel.Instance.Entry} in {kernel}", nameof(Libcuda.cuModuleGetFunction));
        }
        return new(context, module, function);
    }

    /// <summary>Asks for the shared memory a launch needs, if none before it needed as much.</summary>
    public void Prepare(in LaunchSite site)
    {
        if (site.Shape.SharedBytes <= Volatile.Read(ref _sharedBytes))
            return;
        using var _ = _context.Enter();
        _context.Check(
            _context.Api.cuFuncSetAttribute(_function, CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, site.Shape.SharedBytes), site);
        _sharedBytes = site.Shape.SharedBytes;
    }

    /// <summary>
    /// Queues a launch. The context is current. The arguments go as one buffer with its size rather than as a pointer per
    /// parameter: it is one struct, and the driver can tell when it is not the size the kernel was compiled for.
    /// </summary>
    public void Launch(in LaunchSite site, ReadOnlySpan<byte> arguments, nint stream)
    {
        ObjectDisposedException.ThrowIf(_handle == 0, this);
        var shape = site.Shape;
        Prepare(site);
        var size = (nuint)arguments.Length;
        fixed (byte* buffer = arguments)
        {
            var extra = stackalloc void*[5];
            extra[0] = (void*)Libcuda.CU_LAUNCH_PARAM_BUFFER_POINTER;
            extra[1] = buffer;
            extra[2] = (void*)Libcuda.CU_LAUNCH_PARAM_BUFFER_SIZE;
            extra[3] = &size;
            extra[4] = null;
            _context.Check(
                _context.Api.cuLaunchKernel(
                    _function, (uint)shape.GridX, (uint)shape.GridY, (uint)shape.GridZ, (uint)shape.Block, 1, 1, (uint)shape.SharedBytes, stream, null, extra),
                site);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _handle, 0) is not (var handle and not 0))
            return;
        using (var scope = _context.EnterToFree())
            if (scope.IsCurrent)
                _context.Note(_context.Api.cuModuleUnload(handle));
        _context.Release();
    }
}
