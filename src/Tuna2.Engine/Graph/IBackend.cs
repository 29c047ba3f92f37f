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

    /// <summary>
    /// How it chooses among ways to compute that round differently, for a picture's parameters: a seed is the same picture, bit for bit,
    /// only under the same. Null where there is one way.
    /// </summary>
    string? Tuning => null;

    /// <summary>Memory for weights, a state or an arena, aligned to <see cref="Plan.Alignment"/>; contents undefined.</summary>
    /// <exception cref="DeviceException">There is not that much memory.</exception>
    IDeviceBuffer Allocate(long bytes, string what);

    /// <summary>Copies host bytes into a buffer at a byte offset.</summary>
    void Upload(ReadOnlySpan<byte> source, IDeviceBuffer destination, long offset);

    /// <summary>Copies bytes of a buffer to the host.</summary>
    void Download(IDeviceBuffer source, long offset, Span<byte> destination);

    /// <summary>Bytes of an activation: 4 for float32, 2 for bfloat16.</summary>
    int ActivationBytes => sizeof(float);

    /// <summary>What matrices are stored as; null for what the checkpoint has.</summary>
    Precision? MatrixPrecision => null;

    /// <summary>Puts a batch's tables where ops can read them, for one run.</summary>
    BoundBatch Bind(Batch batch) => new(batch);

    /// <summary>Runs one op. <paramref name="memory"/> says where its values are.</summary>
    void Run(Op op, BoundBatch bound, IMemoryMap memory);
}

/// <summary>A batch for the length of a run, with what a backend made of its tables.</summary>
/// <param name="batch">The batch.</param>
public class BoundBatch(Batch batch) : IDisposable
{
    /// <summary>The batch.</summary>
    public Batch Batch { get; } = batch;

    /// <summary>Frees what the backend made of the tables.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees what a backend made of the tables.</summary>
    /// <param name="disposing">Always true: there is no finalizer.</param>
    protected virtual void Dispose(bool disposing) { }
}

/// <summary>Where values live during a run.</summary>
public interface IMemoryMap
{
    /// <summary>The buffer a value lies in, and its byte offset there.</summary>
    (IDeviceBuffer Buffer, long Offset) Locate(Value value);
}
