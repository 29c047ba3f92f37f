using System.Globalization;
using ScottPlot;
using ScottPlot.TickGenerators;
using SkiaSharp;

namespace Tuna2.Bench.Plots;

/// <summary>A plot whose axes are both logarithms, in the repository's own font. What is drawn takes numbers as they are.</summary>
internal sealed class LogPlot : IDisposable
{
    /// <summary>Colours that are told apart without red and green: Okabe and Ito's.</summary>
    public static IReadOnlyList<Color> Palette { get; } = [.. new[] { "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F", "#000000" }.Select(Color.FromHex)];

    private const string FontName = "DejaVu Sans", FontFile = "Font/DejaVuSans-ASCII.ttf";
    private const float TextSize = 13;

    private readonly Plot _plot = new();
    private readonly (double Low, double High) _x, _y;

    static LogPlot() => Fonts.AddFontFile(FontName, Path.Combine(AppContext.BaseDirectory, FontFile), false, false);

    /// <param name="title">Above it.</param>
    /// <param name="subtitle">Below the title, smaller.</param>
    /// <param name="xLabel">What is across.</param>
    /// <param name="yLabel">What is up.</param>
    /// <param name="x">The smallest and the largest number across.</param>
    /// <param name="y">And up.</param>
    public LogPlot(string title, string subtitle, string xLabel, string yLabel, (double Low, double High) x, (double Low, double High) y)
    {
        (_x, _y) = (x, y);
        _plot.Font.Set(FontName);
        _plot.FigureBackground.Color = Colors.White;
        _plot.Axes.Title.Label.Text = $"{title}\n{subtitle}";
        _plot.Axes.Title.Label.FontSize = TextSize;
        _plot.Axes.Title.Label.Bold = false;
        (_plot.Axes.Bottom.Label.Text, _plot.Axes.Left.Label.Text) = (xLabel, yLabel);
        foreach (var axis in new[] { _plot.Axes.Bottom.Label, _plot.Axes.Left.Label })
            (axis.FontSize, axis.Bold) = (TextSize, false);
        _plot.Axes.Bottom.TickGenerator = Ticks(x);
        _plot.Axes.Left.TickGenerator = Ticks(y);
        _plot.Axes.SetLimits(Math.Log10(x.Low), Math.Log10(x.High), Math.Log10(y.Low), Math.Log10(y.High));
        _plot.Grid.MajorLineColor = Colors.Black.WithAlpha(0.12);
        _plot.Grid.MinorLineColor = Colors.Black.WithAlpha(0.04);
        _plot.Grid.MinorLineWidth = 1;
        _plot.Legend.FontSize = TextSize;
        _plot.Legend.FontName = FontName;
    }

    /// <summary>A straight line, cut at the frame.</summary>
    public void Line((double X, double Y) from, (double X, double Y) to, Color color, bool dashed = false, float width = 1.5f)
    {
        var line = _plot.Add.Line(Math.Log10(from.X), Math.Log10(from.Y), Math.Log10(to.X), Math.Log10(to.Y));
        (line.LineColor, line.LineWidth, line.LinePattern) = (color, width, dashed ? LinePattern.Dashed : LinePattern.Solid);
    }

    /// <summary>A measurement is filled; what stands in for one is hollow.</summary>
    public void Mark(double x, double y, Color color, bool filled = true)
    {
        var mark = _plot.Add.Marker(Math.Log10(x), Math.Log10(y), filled ? MarkerShape.FilledCircle : MarkerShape.OpenCircle, filled ? 8 : 9, color);
        mark.MarkerLineWidth = 1.5f;
    }

    /// <summary>A text beside a point: above it, turned by degrees.</summary>
    public void Text(string text, double x, double y, Color color, float degrees = 0, Alignment alignment = Alignment.LowerLeft)
    {
        var label = _plot.Add.Text(text, Math.Log10(x), Math.Log10(y));
        (label.LabelFontName, label.LabelFontSize, label.LabelFontColor, label.LabelRotation, label.LabelAlignment) = (FontName, TextSize - 1, color, degrees, alignment);
        (label.LabelBackgroundColor, label.LabelBorderWidth) = (Colors.Transparent, 0);
    }

    /// <summary>A line of the legend: a mark where it says whether filled, a line otherwise.</summary>
    public void Legend(string text, Color color, bool? filled = null, bool dashed = false)
    {
        var item = new LegendItem { LabelText = text, LabelFontSize = TextSize - 1, LabelFontName = FontName };
        if (filled is { } full)
        {
            (item.MarkerShape, item.MarkerSize, item.MarkerColor, item.LineWidth) = (full ? MarkerShape.FilledCircle : MarkerShape.OpenCircle, 9, color, 0);
            item.MarkerLineWidth = 1.5f;
        }
        else
        {
            (item.LineColor, item.LineWidth, item.LinePattern) = (color, 2, dashed ? LinePattern.Dashed : LinePattern.Solid);
        }
        _plot.Legend.ManualItems.Add(item);
    }

    /// <summary>A PNG, the same bytes for the same numbers.</summary>
    public byte[] Png(int width, int height, Alignment legend)
    {
        if (_plot.Legend.ManualItems.Count > 0)
            _plot.ShowLegend(legend);
        else
            _plot.HideLegend();
        // Sixteen levels a channel keep edges smooth, and flat colours pack best unfiltered: together half the bytes.
        using var bitmap = SKBitmap.Decode(_plot.GetImageBytes(width, height, ImageFormat.Png));
        using var opaque = bitmap.Copy(SKColorType.Rgb888x);
        foreach (ref var level in opaque.GetPixelSpan())
            level = (byte)((level + 8) / 17 * 17);
        using var pixels = opaque.PeekPixels();
        using var data = pixels.Encode(new SKPngEncoderOptions(SKPngEncoderFilterFlags.NoFilters, 9));
        return (data ?? throw new InvalidOperationException("the picture could not be encoded")).ToArray();
    }

    public void Dispose() => _plot.Dispose();

    /// <summary>Decades, and where there are few of them twice and five times each.</summary>
    private static NumericManual Ticks((double Low, double High) range)
    {
        var ticks = new NumericManual();
        var between = Math.Log10(range.High / range.Low) > 3.2 ? (int[])[] : [2, 5];
        for (var decade = Math.Pow(10, Math.Floor(Math.Log10(range.Low))); decade <= range.High; decade *= 10)
            for (var digit = 1; digit < 10; digit++)
                if (digit * decade >= range.Low && digit * decade <= range.High)
                {
                    if (digit == 1 || between.Contains(digit))
                        ticks.AddMajor(Math.Log10(digit * decade), Name(digit * decade));
                    else
                        ticks.AddMinor(Math.Log10(digit * decade));
                }
        return ticks;
    }

    private static string Name(double value) => value switch
    {
        >= 1e15 => $"{Short(value / 1e15)} P",
        >= 1e12 => $"{Short(value / 1e12)} T",
        >= 1e9 => $"{Short(value / 1e9)} G",
        >= 1e6 => $"{Short(value / 1e6)} M",
        _ => Short(value),
    };

    private static string Short(double value) => value.ToString("0.####", CultureInfo.InvariantCulture);
}
