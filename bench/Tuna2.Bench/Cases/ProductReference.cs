using Tuna2.Engine.Cpu;
using Tuna2.Engine.Graph;

namespace Tuna2.Bench.Cases;

/// <summary>What a product comes to in float64: residual + gate * activation(x w^T + bias), or silu(x g^T) * (x u^T) of a weight that holds g, then u.</summary>
/// <param name="X">(rows, k).</param>
/// <param name="W">(n or 2n, k).</param>
/// <param name="Rows">Rows.</param>
/// <param name="N">Output columns.</param>
/// <param name="K">Inner dimension.</param>
/// <param name="Bias">(n), or null.</param>
/// <param name="Activation">What sum and bias go through.</param>
/// <param name="Gate">The factor of a row and a column; null for 1.</param>
/// <param name="Residual">(rows, n), or null.</param>
internal sealed record ProductReference(
    float[] X, float[] W, int Rows, int N, int K, float[]? Bias, Activation Activation, Func<int, int, float>? Gate, float[]? Residual)
{
    /// <summary>(rows, n).</summary>
    /// <param name="single">Sums are float32, in the order of k: what a kernel's may be off by.</param>
    public double[] Values(bool single)
    {
        var y = new double[Rows * N];
        for (var i = 0; i < y.Length; i++)
        {
            var (row, column) = (i / N, i % N);
            var value = Dot(row, column);
            if (Bias is not null)
                value += Bias[column];
            value = Activation switch
            {
                Activation.GeluTanh => value / (1 + Math.Exp(-2 * Math.Sqrt(2 / Math.PI) * (value + 0.044715 * value * value * value))),
                Activation.Gelu => value / 2 * ErrorFunction.OnePlusErf(value / Math.Sqrt(2)),
                Activation.SwiGlu => value / (1 + Math.Exp(-value)) * Dot(row, N + column),
                _ => value,
            };
            if (Gate is not null)
                value *= Gate(row, column);
            if (Residual is not null)
                value += Residual[i];
            y[i] = value;
        }
        return y;

        double Dot(int row, int column)
        {
            double sum = 0;
            for (var i = 0; i < K; i++)
            {
                sum += (double)X[row * K + i] * W[column * K + i];
                sum = single ? (float)sum : sum;
            }
            return sum;
        }
    }
}
