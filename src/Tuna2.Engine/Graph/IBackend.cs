namespace Tuna2.Engine.Graph;

/// <summary>Memory of a backend: a weight, a state or an arena. Deterministically freed by its owner.</summary>
public interface IDeviceBuffer : IDisposable
{
    /// <summary>Its size in bytes.</summary>
    long Bytes { get; }
}

/// <summary>
/// What runs ops: the CPU today, CUDA beside it. Nothing above this interface sees a pointer, nothing below it knows a model.
/// </summary>
public interface IBackend : IDisposable
{
    /// <summary>What a user calls it: "cpu", "cuda:0".</summary>
    string Name { get; }

    /// <summary>Memory for weights, a state or an arena, aligned to <see cref="Plan.Alignment"/>; contents undefined.</summary>
    /// <exception cref="DeviceException">There is not that much memory.</exception>
    IDeviceBuffer Allocate(long bytes, string what);

    /// <summary>Copies host bytes into a buffer at a byte offset.</summary>
    void Upload(ReadOnlySpan<byte> source, IDeviceBuffer destination, long offset);

    /// <summary>Copies bytes of a buffer to the host.</summary>
    void Download(IDeviceBuffer source, long offset, Span<byte> destination);

    /// <summary>Runs one op. <paramref name="memory"/> says where its values are.</summary>
    void Run(Op op, Batch batch, IMemoryMap memory);
}

/// <summary>Where values live during a run.</summary>
public interface IMemoryMap
{
    /// <summary>The buffer a value lies in, and its byte offset there.</summary>
    (IDeviceBuffer Buffer, long Offset) Locate(Value value);
}
