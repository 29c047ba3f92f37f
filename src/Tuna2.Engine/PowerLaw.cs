namespace Tuna2.Engine;

/// <summary>y = factor * x^exponent: how a time grows with a size. A straight line where both axes are logarithms.</summary>
/// <param name="Factor">y where x is 1.</param>
/// <param name="Exponent">1 where twice the size takes twice the time, 2 where it takes four times as long.</param>
public sealed record PowerLaw(double Factor, double Exponent)
{
    /// <summary>y at x.</summary>
    public double At(double x) => Factor * Math.Pow(x, Exponent);

    /// <summary>The law that is nearest to all points: least squares of the logarithms, so that each counts by its ratio and not by its size.</summary>
    /// <returns>Null where there are not two different x.</returns>
    /// <exception cref="ArgumentException">A number is not positive: it has no logarithm.</exception>
    public static PowerLaw? Fit(IEnumerable<(double X, double Y)> points)
    {
        ArgumentNullException.ThrowIfNull(points);
        var logarithms = points.Select(p => p is { X: > 0 and < double.PositiveInfinity, Y: > 0 and < double.PositiveInfinity }
            ? (X: Math.Log(p.X), Y: Math.Log(p.Y))
            : throw new ArgumentException($"({p.X}, {p.Y}) is on no power law: both numbers must be positive", nameof(points))).ToArray();
        if (logarithms.Select(p => p.X).Distinct().Take(2).Count() < 2)
            return null;
        double meanX = logarithms.Average(p => p.X), meanY = logarithms.Average(p => p.Y);
        var exponent = logarithms.Sum(p => (p.X - meanX) * (p.Y - meanY)) / logarithms.Sum(p => (p.X - meanX) * (p.X - meanX));
        return new(Math.Exp(meanY - exponent * meanX), exponent);
    }
}
