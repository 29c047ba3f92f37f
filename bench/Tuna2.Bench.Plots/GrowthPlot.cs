using ScottPlot;
using Tuna2.Bench.Plots.Data;

namespace Tuna2.Bench.Plots;

/// <summary>Draws how a step's time grows.</summary>
internal static class GrowthPlot
{
    private const int Width = 1000, Height = 600;

    public static byte[] Draw(GrowthChart chart)
    {
        var points = chart.Lines.SelectMany(l => l.Points).ToArray();
        (double Low, double High) x = (points.Min(p => p.Size) / 1.3, points.Max(p => p.Size) * 1.3), y = (points.Min(p => p.Seconds) / 2, points.Max(p => p.Seconds) * 4);
        using var plot = new LogPlot(chart.Title, "`tuna2 bench --growth`, medians; dashed: the power law nearest to all points of a line", chart.Axis, "seconds", x, y);
        foreach (var (line, i) in chart.Lines.Select((line, i) => (line, i)))
        {
            var color = LogPlot.Palette[i % LogPlot.Palette.Count];
            var (first, last) = (line.Points[0].Size, line.Points[^1].Size);
            plot.Line((first, line.Law.At(first)), (last, line.Law.At(last)), color, dashed: true);
            foreach (var (from, to) in line.Points.Zip(line.Points.Skip(1)))
                plot.Line((from.Size, from.Seconds), (to.Size, to.Seconds), color);
            foreach (var (size, seconds) in line.Points)
                plot.Mark(size, seconds, color);
            plot.Legend(line.Name, color, filled: true);
        }
        return plot.Png(Width, Height, Alignment.UpperLeft);
    }
}
