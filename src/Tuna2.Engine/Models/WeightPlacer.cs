using Tuna2.Engine.Graph;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Models;

/// <summary>
/// The weights of a checkpoint as a backend keeps them: stacked, matrices in the backend's precision (or bfloat16 as stored;
/// float16 and float32 checkpoints become float32, losing nothing), vectors in float32. Takes the memory and leaves it empty:
/// enough to know how much there is. Matrices whose role a format quantizes are quantized.
/// </summary>
internal class WeightPlacer(Checkpoint checkpoint, IBackend backend, WeightFormat format = WeightFormat.Stored) : IDisposable
{
    private readonly List<IDeviceBuffer> _buffers = [];

    /// <summary>Everything placed so far, to be owned by the caller once all is well.</summary>
    public virtual IReadOnlyList<IDeviceBuffer> Release()
    {
        IDeviceBuffer[] all = [.. _buffers];
        _buffers.Clear();
        return all;
    }

    /// <summary>Tensors of shape (rows, ...) stacked along their rows; dimensions after the first are one row.</summary>
    public Weight Matrix(params string[] names) => Matrix(MatrixRole.Kept, names);

    /// <summary>As above, of a matrix that the format may quantize.</summary>
    public Weight Matrix(MatrixRole role, params string[] names) => Matrix(role.In(format) ?? backend.MatrixPrecision, names);

    private Weight Matrix(Precision? wanted, params string[] names)
    {
        var parts = names.Select(name => checkpoint[name]).ToArray();
        var columns = checked((int)(parts[0].ElementCount / parts[0].Shape[0]));
        var rows = checked((int)parts.Sum(p => p.Shape[0]));
        return Place(names, parts, rows, columns, wanted ?? (parts.All(p => p.DType == DType.BF16) ? Precision.BF16 : Precision.F32));
    }

    /// <summary>Tensors of one dimension, one behind the other, as float32.</summary>
    public Weight Vector(params string[] names)
    {
        var parts = names.Select(name => checkpoint[name]).ToArray();
        return Place(names, parts, 1, checked((int)parts.Sum(p => p.ElementCount)), Precision.F32);
    }

    /// <summary>A linear layer that has a bias.</summary>
    public Linear Biased(string name, MatrixRole role = MatrixRole.Kept) => new(Matrix(role, $"{name}.weight"), Vector($"{name}.bias"));

    /// <summary>As <see cref="Biased"/>, for what is computed in float32 whatever the backend rounds activations to.</summary>
    public Linear BiasedFull(string name) => new(Matrix(FullPrecision, $"{name}.weight"), Vector($"{name}.bias"));

    /// <summary>A backend that wants matrices in one precision has kernels for operands of the same; others widen as they read.</summary>
    private Precision? FullPrecision => backend.MatrixPrecision is null ? null : Precision.F32;

    /// <summary>
    /// A convolution (out, in, frames, rows, columns) with its bias, or one without frames: rows of (frame, row, column, in), as
    /// pixels with their channels together are read. As the VAE is, in float32.
    /// </summary>
    public Linear Convolution(string name)
    {
        var part = checkpoint[$"{name}.weight"];
        int rows = checked((int)part.Shape[0]), channels = checked((int)part.Shape[1]), columns = checked((int)(part.ElementCount / rows));
        var precision = FullPrecision ?? (part.DType == DType.BF16 ? Precision.BF16 : Precision.F32);
        var buffer = Allocate(part.Name, rows, columns, precision);
        FillConvolution(part, precision, buffer, channels, columns / channels);
        return new(new Weight([part.Name], rows, columns, precision, buffer, 0), Vector($"{name}.bias"));
    }

    /// <summary>Frees what nobody took over.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees what nobody took over.</summary>
    /// <param name="disposing">Always true: there is no finalizer.</param>
    protected virtual void Dispose(bool disposing)
    {
        foreach (var buffer in _buffers)
            buffer.Dispose();
    }

    /// <summary>Puts a tensor's elements at a byte offset of the weight they belong to.</summary>
    protected virtual void Fill(TensorInfo part, Precision precision, IDeviceBuffer buffer, long offset) { }

    /// <summary>Quantizes a tensor's rows into those of the weight from <paramref name="firstRow"/> on.</summary>
    protected virtual void FillQuantized(TensorInfo part, Weight weight, int firstRow) { }

    /// <summary>Puts a convolution's elements where they belong, a row of (in, taps) as (taps, in).</summary>
    protected virtual void FillConvolution(TensorInfo part, Precision precision, IDeviceBuffer buffer, int channels, int taps) { }

    private IDeviceBuffer Allocate(string what, int rows, int columns, Precision precision)
    {
        var buffer = backend.Allocate(rows * precision.RowBytes(columns), what);
        _buffers.Add(buffer);
        return buffer;
    }

    private Weight Place(string[] names, TensorInfo[] parts, int rows, int columns, Precision precision)
    {
        if (precision.IsQuantized())
            return PlaceQuantized(names, parts, rows, columns, precision);
        var buffer = Allocate(string.Join('+', names), rows, columns, precision);
        long offset = 0;
        foreach (var part in parts)
        {
            Fill(part, precision, buffer, offset);
            offset += precision.RowBytes(checked((int)(part.ElementCount / part.Shape[0]))) * part.Shape[0];
        }
        return new Weight(names, rows, columns, precision, buffer, 0);
    }

    /// <summary>Elements, then, at an address a plan would give them, scales: one piece of memory.</summary>
    private Weight PlaceQuantized(string[] names, TensorInfo[] parts, int rows, int columns, Precision precision)
    {
        var elements = (rows * precision.RowBytes(columns) + Plan.Alignment - 1) / Plan.Alignment * Plan.Alignment;
        var perScale = precision.ScaleColumns(columns);
        var buffer = backend.Allocate(elements + (long)rows * ((columns + perScale - 1) / perScale) * precision.ScaleBytes(), string.Join('+', names));
        _buffers.Add(buffer);
        var weight = new Weight(names, rows, columns, precision, buffer, 0) { Scales = new(buffer, elements, perScale) };
        var row = 0;
        foreach (var part in parts)
        {
            FillQuantized(part, weight, row);
            row += checked((int)part.Shape[0]);
        }
        return weight;
    }
}
