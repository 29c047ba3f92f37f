using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Cpu;

/// <summary>CPU side of <see cref="SwiGlu"/> and <see cref="Silu"/>, and the activations that products end in.</summary>
internal static unsafe class CpuActivations
{
    public static void Run<S, V>(SwiGlu op, in CpuContext context) where S : ISimd<V> where V : struct
    {
        float* input = context.At(op.Input), output = context.At(op.Output);
        var width = op.Output.Columns;
        CpuRows.For(context, op.Input.Rows.Value, 2 * width, (begin, end) =>
        {
            for (var row = begin; row < end; row++)
                SwiGlu<S, V>(input + (long)row * 2 * width, input + ((long)row * 2 + 1) * width, output + (long)row * width, width);
        });
    }

    /// <summary>y[i] = silu(gate[i]) * up[i]; y may be the gate.</summary>
    public static void SwiGlu<S, V>(float* gate, float* up, float* y, int count) where S : ISimd<V> where V : struct
    {
        var i = 0;
        for (; i <= count - S.Width; i += S.Width)
            S.Store(y + i, S.Multiply(Silu<S, V>(S.Load(gate + i)), S.Load(up + i)));
        for (; i < count; i++)
            y[i] = Silu<ScalarSimd, float>(gate[i]) * up[i];
    }

    public static void Run<S, V>(Silu op, in CpuContext context) where S : ISimd<V> where V : struct
    {
        float* input = context.At(op.Input), output = context.At(op.Output);
        var count = (long)op.Input.Rows.Value * op.Input.Columns;
        long i = 0;
        for (; i <= count - S.Width; i += S.Width)
            S.Store(output + i, Silu<S, V>(S.Load(input + i)));
        for (; i < count; i++)
            output[i] = Silu<ScalarSimd, float>(input[i]);
    }

    /// <summary>x[i] = activation(x[i] + bias[i]); the bias may be null.</summary>
    public static void Apply<S, V>(Activation activation, float* x, float* bias, int count) where S : ISimd<V> where V : struct
    {
        var i = 0;
        if (activation == Activation.GeluTanh)
            for (; i <= count - S.Width; i += S.Width)
                S.Store(x + i, GeluTanh<S, V>(bias is null ? S.Load(x + i) : S.Add(S.Load(x + i), S.Load(bias + i))));
        for (; i < count; i++)
        {
            var sum = bias is null ? x[i] : x[i] + bias[i];
            x[i] = activation == Activation.GeluTanh ? GeluTanh<ScalarSimd, float>(sum) : (float)(0.5 * sum * ErrorFunction.OnePlusErf(sum / Math.Sqrt(2)));
        }
    }

    /// <summary>x (1 + tanh u) / 2 is x / (1 + exp(-2u)): one exponential, and none that overflows into a NaN.</summary>
    private static V GeluTanh<S, V>(V x) where S : ISimd<V> where V : struct
    {
        var u = S.Multiply(x, S.Fma(S.Multiply(S.Broadcast(0.044715f), x), x, S.Broadcast(1)));
        return S.Divide(x, S.Add(S.Broadcast(1), CpuExp.Of<S, V>(S.Multiply(S.Broadcast(-2 * 0.7978845608f), u))));
    }

    /// <summary>x / (1 + exp(-x)).</summary>
    internal static V Silu<S, V>(V x) where S : ISimd<V> where V : struct =>
        S.Divide(x, S.Add(S.Broadcast(1), CpuExp.Of<S, V>(S.Subtract(S.Broadcast(0), x))));
}
