using Tuna2.Engine.Interop;

namespace Tuna2.Engine.Cuda;

/// <summary>Host memory the device copies from and to by itself: without it a copy is neither fast nor asynchronous.</summary>
internal sealed unsafe class PinnedBuffer : IDisposable
{
    private readonly CudaContext _context;
    private nint _address;

    /// <exception cref="DeviceException">The system does not give that much.</exception>
    public PinnedBuffer(CudaContext context, int bytes, string what)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        _context = context;
        Length = bytes;
        using var _ = context.Enter();
        void* address;
        var result = context.Api.cuMemHostAlloc(&address, (nuint)bytes, 0);
        if (result != CUresult.CUDA_SUCCESS)
            context.Check(result, $"allocating {ByteCount.Of(bytes)} of pinned memory for {what}", nameof(Libcuda.cuMemHostAlloc));
        _address = (nint)address;
        context.AddReference();
    }

    /// <summary>Its size in bytes.</summary>
    public int Length { get; }

    /// <summary>The memory; not to be used after disposal.</summary>
    public Span<byte> Span
    {
        get
        {
            ObjectDisposedException.ThrowIf(_address == 0, this);
            return new((void*)_address, Length);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _address, 0) is not (var address and not 0))
            return;
        using (var scope = _context.EnterToFree())
            if (scope.IsCurrent)
                _context.Note(_context.Api.cuMemFreeHost((void*)address));
        _context.Release();
    }
}
