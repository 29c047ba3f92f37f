using System.Runtime.CompilerServices;

namespace Tuna2.Engine.Cpu;

/// <summary>
/// e^x within one unit in the last place, the same bits at every vector width: 2^n times a polynomial, where n is x / ln 2
/// rounded and the polynomial, of degree 6 with the least relative error (3e-9), takes the rest. Exactly zero below -87.68
/// (smaller results would be subnormal), infinite above 88.37, NaN for NaN.
/// </summary>
internal static class CpuExp
{
    /// <summary>
    /// Added to a small integer n, it leaves n + 127 in the lowest bits of the sum: the exponent field of 2^n.
    /// </summary>
    private const float Magic = 12582912 + 127;

    // ln 2 in two parts; n times the first is exact.
    private const float Ln2High = 0.693115234f, Ln2Low = 3.19461849e-05f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Of<S, V>(V x) where S : ISimd<V> where V : struct
    {
        // n from -127, whose exponent field is that of zero, to 128, whose field is that of infinity.
        x = S.Max(S.Broadcast(-88.02f), S.Min(S.Broadcast(88.72f), x));
        var shifted = S.Fma(x, S.Broadcast(1.44269502f), S.Broadcast(Magic));
        var n = S.Subtract(shifted, S.Broadcast(Magic));
        var r = S.Fma(n, S.Broadcast(-Ln2Low), S.Fma(n, S.Broadcast(-Ln2High), x));
        var p = S.Fma(r, S.Broadcast(0.00138145988f), S.Broadcast(0.00836871658f));
        p = S.Fma(p, r, S.Broadcast(0.041668389f));
        p = S.Fma(p, r, S.Broadcast(0.166665211f));
        p = S.Fma(p, r, S.Broadcast(0.49999994f));
        p = S.Add(S.Fma(p, S.Multiply(r, r), r), S.Broadcast(1));
        return S.Multiply(p, S.ToExponent(shifted));
    }

    /// <summary>
    /// 2^y for y that is not positive, as online softmax asks: within one unit in the last place, the same bits at every width,
    /// exactly zero below -126.5, NaN for NaN. Cheaper than <see cref="Of"/>, for y less its whole part is exact.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V PowerOfTwo<S, V>(V y) where S : ISimd<V> where V : struct
    {
        y = S.Max(S.Broadcast(-127), y);
        var shifted = S.Add(y, S.Broadcast(Magic));
        var r = S.Subtract(y, S.Subtract(shifted, S.Broadcast(Magic)));
        var p = S.Fma(r, S.Broadcast(0.000155946807f), S.Broadcast(0.00134066469f));
        p = S.Fma(p, r, S.Broadcast(0.00961769279f));
        p = S.Fma(p, r, S.Broadcast(0.0555031039f));
        p = S.Fma(p, r, S.Broadcast(0.240226522f));
        p = S.Fma(p, r, S.Broadcast(0.693147242f));
        return S.Multiply(S.Fma(p, r, S.Broadcast(1)), S.ToExponent(shifted));
    }
}
