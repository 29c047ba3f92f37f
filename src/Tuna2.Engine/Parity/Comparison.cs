using System.Globalization;

namespace Tuna2.Engine.Parity;

/// <summary>
/// How far a tensor is from its reference: the one comparator of the repository. Written so that NaN, a length that differs
/// and a single bad row all fail: a limit is passed only by an error that is at most the limit.
/// </summary>
public sealed record Comparison
{
    /// <summary>Half a unit in bf16's last place, relative: the noise of values stored as bf16.</summary>
    public const double BF16Noise = 1.0 / (1 << 9);

    /// <summary>The noise of values stored as float32 after sums of some thousand terms.</summary>
    public const double F32Noise = 1.0 / (1 << 20);

    private double[] _rowErrors = [];
    private double[] _rowNorms = [];

    private Comparison() { }

    /// <summary>Elements compared.</summary>
    public int Count { get; private init; }

    /// <summary>The largest absolute difference; NaN when either side has one.</summary>
    public double MaxError { get; private init; }

    /// <summary>Norm of the difference over norm of the reference (Frobenius); NaN when either side has one.</summary>
    public double RelativeError { get; private init; }

    /// <summary>
    /// The worst row's error over its own norm or the average row's, whichever is larger: a row that is wrong among many
    /// that are right.
    /// </summary>
    public double WorstRowError { get; private init; }

    /// <summary>That row.</summary>
    public int WorstRow { get; private init; }

    /// <summary>Compares two tensors of one shape.</summary>
    /// <param name="actual">What was computed.</param>
    /// <param name="expected">The reference.</param>
    /// <param name="rowLength">Elements of a row, the last may have fewer; 0 for one row.</param>
    /// <exception cref="ModelException">The lengths differ.</exception>
    public static Comparison Of(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, int rowLength = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rowLength);
        if (actual.Length != expected.Length)
            throw new ModelException($"{actual.Length} values were computed where the reference has {expected.Length}");
        if (rowLength == 0)
            rowLength = Math.Max(expected.Length, 1);
        var rows = (expected.Length + rowLength - 1) / rowLength;
        double max = 0, error = 0, norm = 0;
        var rowErrors = new double[rows];
        var rowNorms = new double[rows];
        for (var i = 0; i < expected.Length; i++)
        {
            var difference = Math.Abs((double)actual[i] - expected[i]);
            if (!(difference <= max))
                max = double.IsNaN(max) ? max : difference;
            rowErrors[i / rowLength] += difference * difference;
            rowNorms[i / rowLength] += (double)expected[i] * expected[i];
        }
        for (var r = 0; r < rows; r++)
            (error, norm) = (error + rowErrors[r], norm + rowNorms[r]);

        var average = norm / Math.Max(rows, 1);
        double worst = 0;
        var worstRow = 0;
        for (var r = 0; r < rows; r++)
        {
            var row = Ratio(rowErrors[r], Math.Max(rowNorms[r], average));
            if (!(row <= worst))
                (worst, worstRow) = double.IsNaN(worst) ? (worst, worstRow) : (row, r);
        }
        return new Comparison
        {
            Count = expected.Length,
            MaxError = max,
            RelativeError = Ratio(error, norm),
            WorstRowError = worst,
            WorstRow = worstRow,
            _rowErrors = rowErrors,
            _rowNorms = rowNorms,
        };
    }

    /// <summary>Whether the whole and every row are within a relative limit.</summary>
    public bool Within(double limit) => RelativeError <= limit && WorstRowError <= RowAllowance * limit;

    /// <summary>
    /// Whether the error is one that rounding explains: at most twice what a reference of the same precision makes against the
    /// same exact values, plus <paramref name="noise"/> times the norm; in every row and over all.
    /// </summary>
    /// <param name="reference">The comparison of that reference with the exact values: the same shape, rounded where the kernel rounds.</param>
    /// <param name="noise">Relative; <see cref="BF16Noise"/> or <see cref="F32Noise"/>.</param>
    public bool WithinRounding(Comparison reference, double noise)
    {
        ArgumentNullException.ThrowIfNull(reference);
        if (reference.Count != Count || reference._rowErrors.Length != _rowErrors.Length)
            throw new ModelException(
                $"{Count} values in {_rowErrors.Length} rows are judged by a reference of {reference.Count} in {reference._rowErrors.Length}");
        for (var r = 0; r < _rowErrors.Length; r++)
            if (!Explained(_rowErrors[r], reference._rowErrors[r], _rowNorms[r]))
                return false;
        return Explained(_rowErrors.Sum(), reference._rowErrors.Sum(), _rowNorms.Sum());

        bool Explained(double error, double referenceError, double norm) =>
            Math.Sqrt(error) <= 2 * Math.Sqrt(referenceError) + noise * Math.Sqrt(norm);
    }

    /// <summary>A single row may be this much worse than the whole: errors of few elements spread more.</summary>
    private const double RowAllowance = 4;

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"max {MaxError:E1} rel {RelativeError:E1}");

    private static double Ratio(double squaredError, double squaredNorm) =>
        squaredError == 0 ? 0 : Math.Sqrt(squaredError) / Math.Sqrt(squaredNorm);
}
