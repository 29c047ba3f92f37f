using System.Globalization;
using System.Text;
using Tuna2.Engine.Imaging;

namespace Tuna2.Cli.Output;

/// <summary>
/// Pictures drawn in a terminal, two pixels a character: the upper half block in the colour of the upper one, on the colour of
/// the lower. Each takes the place of the one before.
/// </summary>
internal sealed class TerminalPicture(TextWriter terminal, Func<TerminalScreen?> screen)
{
    /// <summary>Lines left for what else is on the screen: the command, the progress.</summary>
    private const int SpareRows = 3;

    private const string Escape = "\x1b[";
    private const char HalfBlock = '▀';

    private int _drawn;

    /// <summary>Draws a picture over the last one; nothing where the terminal has no room.</summary>
    public void Draw(RgbImage image)
    {
        if (screen() is not { } size)
            return;
        var lines = Lines(image, size);
        var text = new StringBuilder();
        if (_drawn > 0)
            text.Append(CultureInfo.InvariantCulture, $"{Escape}{_drawn}A\r");
        foreach (var line in lines)
            text.Append(line).Append(Escape).Append("K\n");
        // What a larger picture left below.
        if (lines.Count < _drawn)
            text.Append(Escape).Append('J');
        terminal.Write(text.ToString());
        terminal.Flush();
        _drawn = lines.Count;
    }

    /// <summary>Leaves what is drawn: the next picture comes below it.</summary>
    public void Keep() => _drawn = 0;

    /// <summary>A picture as lines of text, as large as the screen shows it whole, never enlarged; none where there is no room.</summary>
    public static IReadOnlyList<string> Lines(RgbImage image, TerminalScreen screen)
    {
        var (columns, rows) = (screen.Columns - 1, 2 * (screen.Rows - SpareRows));
        if (columns < 1 || rows < 2)
            return [];
        var scale = Math.Min(1, Math.Min((double)columns / image.Width, (double)rows / image.Height));
        var small = BicubicResizer.Resize(image, Math.Max(1, (int)(image.Width * scale)), Math.Max(1, (int)(image.Height * scale)));
        var lines = new List<string>();
        for (var y = 0; y < small.Height; y += 2)
        {
            var line = new StringBuilder();
            ReadOnlySpan<byte> upper = small.Row(y), lower = y + 1 < small.Height ? small.Row(y + 1) : [];
            for (var x = 0; x < upper.Length; x += 3)
            {
                line.Append(Escape).Append(Colour(38, upper.Slice(x, 3), screen.TrueColour));
                line.Append(';').Append(lower.IsEmpty ? "49" : Colour(48, lower.Slice(x, 3), screen.TrueColour));
                line.Append('m').Append(HalfBlock);
            }
            lines.Add(line.Append(Escape).Append("0m").ToString());
        }
        return lines;
    }

    /// <summary>The parameters that set a colour (ECMA-48 SGR; 38 the text's, 48 the ground's).</summary>
    private static string Colour(int which, ReadOnlySpan<byte> rgb, bool trueColour) => trueColour
        ? string.Create(CultureInfo.InvariantCulture, $"{which};2;{rgb[0]};{rgb[1]};{rgb[2]}")
        : string.Create(CultureInfo.InvariantCulture, $"{which};5;{Nearest(rgb)}");

    /// <summary>The nearest of xterm's colours 16 to 255: a cube of six levels a channel, and 24 greys.</summary>
    private static int Nearest(ReadOnlySpan<byte> rgb)
    {
        ReadOnlySpan<int> levels = [0, 95, 135, 175, 215, 255];
        int cube = 16, cubeError = 0;
        for (var channel = 0; channel < 3; channel++)
        {
            var best = 0;
            for (var i = 1; i < levels.Length; i++)
                if (Math.Abs(levels[i] - rgb[channel]) < Math.Abs(levels[best] - rgb[channel]))
                    best = i;
            cube += best * (channel switch { 0 => 36, 1 => 6, _ => 1 });
            cubeError += Square(levels[best] - rgb[channel]);
        }
        var step = Math.Clamp(((rgb[0] + rgb[1] + rgb[2]) / 3 - 3) / 10, 0, 23);
        var grey = 8 + 10 * step;
        var greyError = Square(grey - rgb[0]) + Square(grey - rgb[1]) + Square(grey - rgb[2]);
        return greyError < cubeError ? 232 + step : cube;
    }

    private static int Square(int value) => value * value;
}
