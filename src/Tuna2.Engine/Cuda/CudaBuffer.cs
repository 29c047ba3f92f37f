using Tuna2.Engine.Interop;

namespace Tuna2.Engine.Cuda;

/// <summary>Device memory.</summary>
internal sealed unsafe class CudaBuffer : IAddressable
{
    private readonly CudaContext _context;
    private ulong _address;

    /// <exception cref="DeviceException">There is not that much memory; the message says how much there is.</exception>
    public CudaBuffer(CudaContext context, long bytes, string what)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        _context = context;
        Bytes = bytes;
        What = what;
        using var _ = context.Enter();
        ulong address;
        var result = context.Api.cuMemAlloc_v2(&address, (nuint)Math.Max(bytes, 1)); // the driver refuses 0 bytes
        if (result != CUresult.CUDA_SUCCESS)
            context.Check(result, $"allocating {ByteCount.Of(bytes)} for {what}{(result == CUresult.CUDA_ERROR_OUT_OF_MEMORY ? FreeMemory() : "")}", nameof(Libcuda.cuMemAlloc_v2));
        _address = address;
        context.AddReference();
    }

    /// <inheritdoc/>
    public long Bytes { get; }

    /// <summary>What it is for.</summary>
    public string What { get; }

    /// <inheritdoc/>
    public ulong Address
    {
        get
        {
            ObjectDisposedException.ThrowIf(_address == 0, this);
            return _address;
        }
    }

    /// <summary>The address of a part, which must lie within.</summary>
    public ulong Part(long offset, long bytes) => offset >= 0 && bytes >= 0 && offset <= Bytes - bytes
        ? Address + (ulong)offset
        : throw new ArgumentOutOfRangeException(nameof(offset), $"{bytes} bytes at {offset} are not within the {Bytes} of {What}");

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _address, 0) is not (var address and not 0))
            return;
        using (var scope = _context.EnterToFree())
            if (scope.IsCurrent)
                _context.Note(_context.Api.cuMemFree_v2(address));
        _context.Release();
    }

    private string FreeMemory()
    {
        nuint free, total;
        return _context.Api.cuMemGetInfo_v2(&free, &total) == CUresult.CUDA_SUCCESS
            ? $"; {ByteCount.Of((long)free)} of {ByteCount.Of((long)total)} are free"
            : "";
    }
}
