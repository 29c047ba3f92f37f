using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Cpu;

/// <summary>What a CPU kernel is given: the batch's tables, the threads, and pointers to its values and weights.</summary>
internal readonly unsafe struct CpuContext(Batch batch, IMemoryMap memory, CpuThreads threads)
{
    public Batch Batch { get; } = batch;

    public CpuThreads Threads { get; } = threads;

    /// <summary>The first element of a value.</summary>
    public float* At(Value value)
    {
        var (buffer, offset) = memory.Locate(value);
        return (float*)(((CpuBuffer)buffer).Pointer + offset);
    }

    /// <summary>The first element of a float32 weight: norms and biases.</summary>
    public static float* Vector(Weight weight) => weight.Precision == Precision.F32
        ? (float*)(((CpuBuffer)weight.Buffer).Pointer + weight.Offset)
        : throw new InvalidOperationException($"{weight} is kept as {weight.Precision}, not as a float32 vector");

    /// <summary>The first byte of a weight.</summary>
    public static byte* Matrix(Weight weight) => ((CpuBuffer)weight.Buffer).Pointer + weight.Offset;
}
