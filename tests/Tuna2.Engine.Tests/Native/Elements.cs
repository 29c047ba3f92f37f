using Tuna2.Engine.Kernels;
using Tuna2.Engine.Parity;

namespace Tuna2.Engine.Tests.Native;

/// <summary>Kernel operands in either element type, as floats on this side.</summary>
internal static class Elements
{
    /// <summary>To nearest, ties to even, as kernels round.</summary>
    public static float Round(this ElementType element, double x) =>
        element == ElementType.F32 ? (float)x : Widen(Narrow((float)x));

    /// <summary>The comparator's noise for values stored in it.</summary>
    public static double Noise(this ElementType element) => element == ElementType.BF16 ? Comparison.BF16Noise : Comparison.F32Noise;

    /// <summary>Values as the element type holds them: what both the kernel and its references begin with.</summary>
    public static float[] Random(this ElementType element, Random random, int count, double scale = 1, double mean = 0)
    {
        var values = new float[count];
        for (var i = 0; i < count; i++)
            values[i] = element.Round(mean + scale * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        return values;
    }

    public static HostBuffer Input(this ElementType element, string name, float[] values) => element == ElementType.F32
        ? HostBuffer.Input<float>(name, values)
        : HostBuffer.Input<ushort>(name, Array.ConvertAll(values, Narrow));

    public static HostBuffer Updated(this ElementType element, string name, float[] values) => element == ElementType.F32
        ? HostBuffer.Updated<float>(name, values)
        : HostBuffer.Updated<ushort>(name, Array.ConvertAll(values, Narrow));

    public static HostBuffer Output(this ElementType element, string name, int count) => element == ElementType.F32
        ? HostBuffer.Output<float>(name, count)
        : HostBuffer.Output<ushort>(name, count);

    public static float[] Read(this ElementType element, HostBuffer buffer) => element == ElementType.F32
        ? buffer.As<float>().ToArray()
        : Array.ConvertAll(buffer.As<ushort>().ToArray(), Widen);

    private static float Widen(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

    private static ushort Narrow(float x)
    {
        var bits = BitConverter.SingleToUInt32Bits(x);
        return float.IsNaN(x) ? (ushort)0x7fff : (ushort)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    }
}
