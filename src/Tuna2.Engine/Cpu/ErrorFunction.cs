namespace Tuna2.Engine.Cpu;

/// <summary>The error function, which .NET's math library does not have, in double precision.</summary>
internal static class ErrorFunction
{
    /// <summary>Where the series has grown long and the continued fraction has become short.</summary>
    private const double SeriesLimit = 2.5;

    private const int FractionDepth = 30;

    /// <summary>
    /// 1 + erf(x), without the cancellation that the sum has for very negative x. Relative error below 1e-12 down to x = -6; from
    /// there on the value is under 3e-17, and its relative error under 1e-9.
    /// </summary>
    public static double OnePlusErf(double x) => x < -SeriesLimit ? Complement(-x) : x > SeriesLimit ? 2 - Complement(x) : 1 + Series(x);

    /// <summary>erf(x) = 2/sqrt(pi) exp(-x^2) sum of 2^n x^(2n+1) / (1 3 5 ... (2n+1)): terms of one sign, so none cancels.</summary>
    private static double Series(double x)
    {
        double term = x, sum = x;
        for (var n = 1; Math.Abs(term) > 1e-17 * Math.Abs(sum); n++)
        {
            term *= 2 * x * x / (2 * n + 1);
            sum += term;
        }
        return 2 / Math.Sqrt(Math.PI) * Math.Exp(-x * x) * sum;
    }

    /// <summary>1 - erf(x) for large x: Laplace's continued fraction, exp(-x^2)/sqrt(pi) / (x + (1/2)/(x + 1/(x + (3/2)/(x + ...)))).</summary>
    private static double Complement(double x)
    {
        var tail = x;
        for (var n = FractionDepth; n > 0; n--)
            tail = x + n / 2.0 / tail;
        return Math.Exp(-x * x) / Math.Sqrt(Math.PI) / tail;
    }
}
