using System.Globalization;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Models;

/// <summary>
/// Sends rows of a weight to a backend as they are quantized, a batch at a time on all processors: a row depends on no other, so it shows
/// nowhere how many worked. Of the unquantized matrix no more is ever there than a batch as stored, and a row a processor as float32.
/// </summary>
internal sealed class QuantizedRows(Weight weight, IBackend backend)
{
    private readonly RowQuantizer _quantizer = new(weight.Precision, weight.Columns);
    private readonly WeightScales _scales = weight.Scales ?? throw new ArgumentException($"{weight} has no scales", nameof(weight));
    private byte[] _elements = [];
    private byte[] _scaleBytes = [];

    /// <summary>Quantizes and sends rows.</summary>
    /// <param name="first">The first, in the weight.</param>
    /// <param name="count">How many.</param>
    /// <param name="read">Puts row i of these there as float32; called on several threads.</param>
    /// <param name="at">The tensor and its first row among these, for an error.</param>
    /// <exception cref="ModelException">An element is NaN or infinite.</exception>
    public void Send(int first, int count, Action<int, float[]> read, (TensorInfo Tensor, int Row) at)
    {
        int elementBytes = _quantizer.ElementBytes, scaleBytes = _quantizer.ScaleBytes;
        if (_elements.Length < count * elementBytes)
            (_elements, _scaleBytes) = (new byte[count * elementBytes], new byte[count * scaleBytes]);
        var bad = new int[count];
        Parallel.For(0, count, () => new float[weight.Columns], (i, _, row) =>
        {
            read(i, row);
            bad[i] = _quantizer.Quantize(row, _elements.AsSpan(i * elementBytes, elementBytes), _scaleBytes.AsSpan(i * scaleBytes, scaleBytes));
            return row;
        }, _ => { });
        if (Array.FindIndex(bad, column => column >= 0) is >= 0 and var worst)
            throw new ModelException(string.Create(CultureInfo.InvariantCulture,
                $"{at.Tensor.Path}: tensor '{at.Tensor.Name}': element ({at.Row + worst}, {bad[worst]}) is not a finite number, and cannot be quantized"));
        backend.Upload(_elements.AsSpan(0, count * elementBytes), weight.Buffer, weight.Offset + (long)first * elementBytes);
        backend.Upload(_scaleBytes.AsSpan(0, count * scaleBytes), _scales.Buffer, _scales.Offset + (long)first * scaleBytes);
    }
}
