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

    /// <summary>x = x + y in place.</summary>
    public static void Add<S, V>(float* x, float* y, int count) where S : ISimd<V> where V : struct
    {
        var i = 0;
        for (; i <= count - S.Width; i += S.Width)
            S.Store(x + i, S.Add(S.Load(x + i), S.Load(y + i)));
        for (; i < count; i++)
            x[i] += y[i];
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
