using Tuna2.Engine.Graph;
using Tuna2.Engine.Weights;

namespace Tuna2.Bench.Cases;

/// <summary>A weight quantized as loading does it, and the numbers it then stands for.</summary>
/// <param name="Elements">Its rows' words.</param>
/// <param name="Scales">Its rows' scales.</param>
/// <param name="Values">(rows, columns): what a product with it is measured by.</param>
internal sealed record QuantizedOperand(byte[] Elements, byte[] Scales, float[] Values)
{
    public static QuantizedOperand Of(Precision precision, ReadOnlySpan<float> matrix, int rows, int columns)
    {
        var quantizer = new RowQuantizer(precision, columns);
        var operand = new QuantizedOperand(new byte[rows * quantizer.ElementBytes], new byte[rows * quantizer.ScaleBytes], new float[rows * columns]);
        for (var row = 0; row < rows; row++)
        {
            Span<byte> elements = operand.Elements.AsSpan(row * quantizer.ElementBytes, quantizer.ElementBytes), scales = operand.Scales.AsSpan(row * quantizer.ScaleBytes, quantizer.ScaleBytes);
            if (quantizer.Quantize(matrix.Slice(row * columns, columns), elements, scales) >= 0)
                throw new ArgumentException("not a finite number", nameof(matrix));
            quantizer.Dequantize(elements, scales, operand.Values.AsSpan(row * columns, columns));
        }
        return operand;
    }
}
