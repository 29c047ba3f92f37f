using ScottPlot;
using Tuna2.Bench.Plots.Data;

namespace Tuna2.Bench.Plots;

/// <summary>Draws a roofline.</summary>
internal static class RooflinePlot
{
    private const int Width = 1200, Height = 760, LineLength = 130;

    /// <summary>How far apart labels stand at least, of the width.</summary>
    private const double LabelSpace = 0.0185;

    public static byte[] Draw(RooflineChart chart)
    {
        // A machine whose ceilings nobody measured has points and no roof.
        var compute = chart.Computes.Select(c => c.PerSecond).DefaultIfEmpty(chart.Points.Max(p => p.FlopsPerSecond)).Max();
        var memory = chart.Memories.Select(c => c.PerSecond).DefaultIfEmpty(chart.Points.Max(p => p.FlopsPerSecond / p.Intensity)).Max();
        var labelled = chart.Points.Where(p => p.Label != "").OrderBy(p => p.Intensity).ToArray();
        // A decade below is for labels.
        (double Low, double High) x = (chart.Points.Min(p => p.Intensity) / 1.5, 3 * Math.Max(chart.Points.Max(p => p.Intensity), compute / memory));
        (double Low, double High) y = (Math.Min(chart.Points.Min(p => p.FlopsPerSecond), x.Low * memory) / (labelled.Length > 0 ? 40 : 2), compute * (labelled.Length > 0 ? 12 : 1.5));
        using var plot = new LogPlot(chart.Title, string.Join("\n", [chart.Source, .. chart.Remarks.SelectMany(Lines)]), "operations per byte", "operations per second", x, y);

        foreach (var (ceiling, i) in chart.Memories.Select((c, i) => (c, i)))
        {
            plot.Line((x.Low, x.Low * ceiling.PerSecond), (compute / ceiling.PerSecond, compute), Colors.Black, dashed: i > 0);
            plot.Legend(ceiling.Name, Colors.Black, dashed: i > 0);
        }
        foreach (var (ceiling, i) in chart.Computes.Select((c, i) => (c, i)))
        {
            plot.Line((ceiling.PerSecond / memory, ceiling.PerSecond), (x.High, ceiling.PerSecond), Colors.Gray, dashed: i > 0, width: 2);
            plot.Legend(ceiling.Name, Colors.Gray, dashed: i > 0);
        }

        var series = chart.Points.Select(p => p.Series).Distinct().ToArray();
        var measured = chart.Points.Any(p => p.Measured);
        foreach (var (point, place) in labelled.Zip(Spread([.. labelled.Select(p => Math.Log10(p.Intensity / x.Low) / Math.Log10(x.High / x.Low))])))
        {
            var color = LogPlot.Palette[Array.IndexOf(series, point.Series)];
            var at = (X: x.Low * Math.Pow(x.High / x.Low, place), Y: y.Low * 30);
            plot.Line((point.Intensity, point.FlopsPerSecond), at, color.WithAlpha(0.35), width: 1);
            plot.Text(point.Label, at.X, at.Y, color, degrees: -90, Alignment.MiddleRight);
        }
        foreach (var point in chart.Points.OrderBy(p => p.Measured))
            plot.Mark(point.Intensity, point.FlopsPerSecond, LogPlot.Palette[Array.IndexOf(series, point.Series)], point.Measured);
        foreach (var (name, i) in series.Select((name, i) => (name, i)))
            foreach (var filled in chart.Points.Where(p => p.Series == name).Select(p => p.Measured).Distinct().OrderDescending())
                plot.Legend($"{name}{(filled ? measured && chart.Points.Any(p => !p.Measured) ? ", measured" : "" : ": predicted, not run")}", LogPlot.Palette[i], filled);
        return plot.Png(Width, Height, labelled.Length > 0 ? Alignment.UpperLeft : Alignment.LowerRight);
    }

    /// <summary>A remark in lines that the picture has room for, cut between words.</summary>
    private static IEnumerable<string> Lines(string remark)
    {
        while (remark.Length > LineLength && remark.LastIndexOf(' ', LineLength) is > 0 and var cut)
        {
            yield return remark[..cut];
            remark = remark[(cut + 1)..];
        }
        yield return remark;
    }

    /// <summary>Places in 0 to 1 that keep the order and stand apart.</summary>
    private static double[] Spread(double[] places)
    {
        // What overlaps becomes a block around the mean of its places; blocks that then overlap become one.
        var blocks = new List<(double Sum, int Count, double Begin)>();
        foreach (var place in places)
        {
            var block = (Sum: place, Count: 1, Begin: Math.Clamp(place - LabelSpace / 2, 0, 1 - LabelSpace));
            while (blocks.Count > 0 && blocks[^1].Begin + blocks[^1].Count * LabelSpace > block.Begin)
            {
                var (sum, count) = (blocks[^1].Sum + block.Sum, blocks[^1].Count + block.Count);
                block = (sum, count, Math.Clamp(sum / count - count * LabelSpace / 2, 0, 1 - count * LabelSpace));
                blocks.RemoveAt(blocks.Count - 1);
            }
            blocks.Add(block);
        }
        return [.. blocks.SelectMany(b => Enumerable.Range(0, b.Count).Select(i => b.Begin + (i + 0.5) * LabelSpace))];
    }
}
