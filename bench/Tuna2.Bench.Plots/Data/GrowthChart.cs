using System.Globalization;
using Tuna2.Engine;

namespace Tuna2.Bench.Plots.Data;

/// <summary>How a step's time grows along one size, of the rows of `tuna2 bench --growth`.</summary>
/// <param name="Axis">"tokens", "batch" or "prefix".</param>
/// <param name="Title">What grows.</param>
/// <param name="Lines">One for each model on each machine.</param>
internal sealed record GrowthChart(string Axis, string Title, IReadOnlyList<GrowthLine> Lines)
{
    private static readonly (string Axis, string Title)[] s_axes = [("tokens", "Seconds of a denoising step against tokens of the picture"), ("batch", "Seconds of a denoising step against pictures at once"), ("prefix", "Seconds of a denoising step against tokens before the picture")];

    /// <summary>Every axis; without lines where nobody measured two sizes of it.</summary>
    public static IReadOnlyList<GrowthChart> Of(Results results)
    {
        var points = results.All("run", row => row.Part("result") is { } result ? [.. result.Parts("growth").Select(p => Point.Read(row, result, p))] : Array.Empty<Point>());
        return
        [
            .. s_axes.Select(a => new GrowthChart(a.Axis, a.Title,
            [
                .. points.Where(p => p.Axis == a.Axis).GroupBy(p => p.Of)
                    .Select(of => GrowthLine.Of(of.Key, of.Last().Date, of.GroupBy(p => p.Size).Select(same => (same.Key, same.Last().Seconds)).Where(p => p.Key > 0).OrderBy(p => p.Key)))
                    .OfType<GrowthLine>(),
            ])),
        ];
    }

    private sealed record Point(string Of, string Date, string Axis, double Size, double Seconds)
    {
        public static Point Read(ResultRow row, ResultRow result, ResultRow point)
        {
            var axis = point.Text("axis");
            return new(
                $"{result.Text("model")}, {result.Text("compute")}, on {(row.Has("gpu") && result.Text("device") != "cpu" ? row.Text("gpu") : result.Text("machine"))}", row.Text("date"), axis,
                s_axes.Any(a => a.Axis == axis) ? point.Count(axis) : throw new DamagedRowException($"{row.Where}: axis '{axis}' is none of {string.Join(", ", s_axes.Select(a => a.Axis))}"),
                point.Positive("seconds"));
        }
    }
}

/// <summary>A model on a machine.</summary>
/// <param name="Name">Model, machine, date and exponent.</param>
/// <param name="Points">Sizes, ascending, and seconds of a step.</param>
/// <param name="Law">Fitted to all of them.</param>
internal sealed record GrowthLine(string Name, IReadOnlyList<(double Size, double Seconds)> Points, PowerLaw Law)
{
    /// <summary>The line; null where there are not two sizes.</summary>
    public static GrowthLine? Of(string name, string date, IEnumerable<(double Size, double Seconds)> points)
    {
        (double, double)[] all = [.. points];
        return PowerLaw.Fit(all) is { } law
            ? new(string.Create(CultureInfo.InvariantCulture, $"{name}, {date[..Math.Min(10, date.Length)]}: exponent {law.Exponent:0.00}"), all, law)
            : null;
    }
}
