using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Cpu;

/// <summary>Loops over contiguous elements that several kernels share.</summary>
internal static unsafe class CpuElements
{
    /// <summary>Copies <paramref name="count"/> weight elements from element <paramref name="first"/> as float32.</summary>
    public static void Widen<S, V>(byte* weights, long first, Precision precision, float* destination, int count) where S : ISimd<V> where V : struct
    {
        if (precision == Precision.F32)
        {
            Buffer.MemoryCopy((float*)weights + first, destination, (long)count * sizeof(float), (long)count * sizeof(float));
            return;
        }
        var source = (ushort*)weights + first;
        var i = 0;
        for (; i <= count - S.Width; i += S.Width)
            S.Store(destination + i, S.LoadBF16(source + i));
        for (; i < count; i++)
            destination[i] = ScalarSimd.LoadBF16(source + i);
    }

    /// <summary>Sum of squares, in the kernel's vector order.</summary>
    public static float SumOfSquares<S, V>(float* x, int count) where S : ISimd<V> where V : struct
    {
        V even = S.Broadcast(0), odd = S.Broadcast(0);
        var i = 0;
        for (; i <= count - 2 * S.Width; i += 2 * S.Width)
        {
            V a = S.Load(x + i), b = S.Load(x + i + S.Width);
            even = S.Fma(a, a, even);
            odd = S.Fma(b, b, odd);
        }
        var sum = S.Sum(S.Add(even, odd));
        for (; i < count; i++)
            sum += x[i] * x[i];
        return sum;
    }

    /// <summary>The largest element.</summary>
    public static float Maximum<S, V>(float* x, int count) where S : ISimd<V> where V : struct
    {
        var max = float.NegativeInfinity;
        var i = 0;
        if (count >= S.Width)
        {
            var best = S.Load(x);
            for (i = S.Width; i <= count - S.Width; i += S.Width)
                best = S.Max(best, S.Load(x + i));
            var lanes = stackalloc float[S.Width];
            S.Store(lanes, best);
            for (var l = 0; l < S.Width; l++)
                max = MathF.Max(max, lanes[l]);
        }
        for (; i < count; i++)
            max = MathF.Max(max, x[i]);
        return max;
    }

    /// <summary>x = exp(x - shift) in place; returns the sum.</summary>
    public static float ExpSum<S, V>(float* x, int count, float shift) where S : ISimd<V> where V : struct
    {
        V by = S.Broadcast(shift), total = S.Broadcast(0);
        var i = 0;
        for (; i <= count - S.Width; i += S.Width)
        {
            var e = S.Exp(S.Subtract(S.Load(x + i), by));
            S.Store(x + i, e);
            total = S.Add(total, e);
        }
        var sum = S.Sum(total);
        for (; i < count; i++)
        {
            x[i] = MathF.Exp(x[i] - shift);
            sum += x[i];
        }
        return sum;
    }

    /// <summary>x = x * factor in place.</summary>
    public static void Scale<S, V>(float* x, int count, float factor) where S : ISimd<V> where V : struct
    {
        var by = S.Broadcast(factor);
        var i = 0;
        for (; i <= count - S.Width; i += S.Width)
            S.Store(x + i, S.Multiply(S.Load(x + i), by));
        for (; i < count; i++)
            x[i] *= factor;
    }
}
