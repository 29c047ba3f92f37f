using System.Buffers;

namespace Tuna2.Engine.Graph;

/// <summary>Streams bytes into a backend's memory, piece by piece. For one thread at a time.</summary>
public interface IUploader : IDisposable
{
    /// <summary>The memory the next piece is to be written to; the same until it is sent.</summary>
    Span<byte> NextPiece();

    /// <summary>Sends the first bytes of what <see cref="NextPiece"/> gave. They may be under way when it returns; ops run later find them there.</summary>
    void Send(int bytes, IDeviceBuffer destination, long offset);
}

/// <summary>An uploader for backends that copy when they are told to.</summary>
internal sealed class ImmediateUploader(IBackend backend) : IUploader
{
    private const int PieceBytes = 4 << 20;

    private byte[]? _piece = ArrayPool<byte>.Shared.Rent(PieceBytes);

    /// <inheritdoc/>
    public Span<byte> NextPiece() => _piece.AsSpan(0, PieceBytes);

    /// <inheritdoc/>
    public void Send(int bytes, IDeviceBuffer destination, long offset) => backend.Upload(NextPiece()[..bytes], destination, offset);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_piece is not null)
            ArrayPool<byte>.Shared.Return(_piece);
        _piece = null;
    }
}
