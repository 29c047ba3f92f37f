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

    /// <summary>Row <paramref name="first"/> of a value; it and the rows behind it, <paramref name="count"/> in all, must be the value's own.</summary>
    /// <exception cref="InvalidOperationException">The batch's tables name rows the graph was not planned for.</exception>
    public float* Rows(Value value, int first, int count) => first >= 0 && count >= 0 && count <= value.Rows.Max - first
        ? At(value) + (long)first * value.Columns
        : throw new InvalidOperationException($"{count} rows from row {first} are not all within {value}");

    /// <summary>The vector of a modulation for row 0 of its table; the row of every sequence is there.</summary>
    public float* Vectors(Modulation modulation, int width)
    {
        var table = modulation.Table;
        if (modulation.Chunk < 0 || (modulation.Chunk + 1L) * width > table.Columns)
            throw new InvalidOperationException($"{table} has no vector {modulation.Chunk} of {width} elements");
        foreach (var sequence in Batch.Sequences)
            if (sequence.ModRow >= table.Rows.Max)
                throw new InvalidOperationException($"{sequence} is modulated by a row that is not within {table}");
        return At(table) + (long)modulation.Chunk * width;
    }

    /// <summary>
    /// The sequences an op works on (see <see cref="Batch.SequencesOf"/>), checked: their rows are within
    /// <paramref name="rows"/>, their keys within <paramref name="keys"/>.
    /// </summary>
    public IReadOnlyList<Sequence> Sequences(Grid? picture, Value rows, Value keys)
    {
        var sequences = Batch.SequencesOf(picture, rows.Rows.Value);
        Rows(rows, 0, sequences.Sum(s => s.QLen));
        foreach (var sequence in sequences)
            if ((long)sequence.KvBase + sequence.KvLen > keys.Rows.Max)
                throw new InvalidOperationException($"{sequence} ends beyond {keys}");
        return sequences;
    }

    /// <summary>The first element of a float32 weight: norms and biases.</summary>
    public static float* Vector(Weight weight) => weight.Precision == Precision.F32
        ? (float*)(((CpuBuffer)weight.Buffer).Pointer + weight.Offset)
        : throw new InvalidOperationException($"{weight} is kept as {weight.Precision}, not as a float32 vector");

    /// <summary>The first byte of a weight.</summary>
    public static byte* Matrix(Weight weight) => ((CpuBuffer)weight.Buffer).Pointer + weight.Offset;
}
