using NUnit.Framework;
using Spectre.Console;
using Tuna2.Cli;
using Tuna2.Cli.Output;
using Tuna2.Engine.Imaging;
using Tuna2.Engine.Tests.Imaging;

namespace Tuna2.Engine.Tests.Cli;

/// <summary>Pictures as coloured half blocks.</summary>
public class TerminalPictureTests
{
    private static readonly TerminalScreen s_large = new(200, 100, TrueColour: true);

    [Test]
    public void A_character_is_the_upper_pixel_on_the_lower()
    {
        var image = new RgbImage(2, 2, new byte[] { 255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 8, 7 });
        Assert.That(TerminalPicture.Lines(image, s_large), Is.EqualTo(new[]
        {
            "\x1b[38;2;255;0;0;48;2;0;0;255m▀\x1b[38;2;0;255;0;48;2;9;8;7m▀\x1b[0m",
        }));
    }

    [Test]
    public void Under_an_odd_last_row_stands_the_terminals_own_ground() =>
        Assert.That(TerminalPicture.Lines(new RgbImage(1, 1, new byte[] { 1, 2, 3 }), s_large), Is.EqualTo(new[] { "\x1b[38;2;1;2;3;49m▀\x1b[0m" }));

    [TestCase(0, 0, 0, 16)]
    [TestCase(255, 255, 255, 231)]
    [TestCase(255, 0, 0, 196)]
    [TestCase(0, 95, 215, 26)]
    [TestCase(8, 8, 8, 232)]
    [TestCase(120, 118, 119, 243)]
    [TestCase(238, 238, 238, 255)]
    public void Of_256_colours_the_nearest_is_taken(byte red, byte green, byte blue, int colour) =>
        Assert.That(TerminalPicture.Lines(new RgbImage(1, 1, new[] { red, green, blue }), s_large with { TrueColour = false }), Is.EqualTo(new[] { $"\x1b[38;5;{colour};49m▀\x1b[0m" }));

    [TestCase(64, 64, 200, 100, 64, 32)]
    [TestCase(64, 64, 80, 24, 42, 21)]
    [TestCase(64, 64, 33, 100, 32, 16)]
    [TestCase(1024, 512, 101, 100, 100, 25)]
    [TestCase(4096, 1, 80, 24, 79, 1)]
    [TestCase(1, 4096, 80, 24, 1, 21)]
    public void A_picture_is_shown_whole_and_never_enlarged(int width, int height, int columns, int rows, int shownColumns, int shownRows)
    {
        var lines = TerminalPicture.Lines(TestPictures.Noise(width, height), new(columns, rows, TrueColour: true));
        Assert.That(lines, Has.Count.EqualTo(shownRows));
        Assert.That(lines.Select(line => line.Count(c => c == '▀')), Is.All.EqualTo(shownColumns));
    }

    [TestCase(0, 0)]
    [TestCase(1, 24)]
    [TestCase(80, 3)]
    public void Where_there_is_no_room_nothing_is_drawn(int columns, int rows) =>
        Assert.That(TerminalPicture.Lines(TestPictures.Noise(4, 4), new(columns, rows, TrueColour: true)), Is.Empty);

    [Test]
    public void Each_picture_takes_the_place_of_the_last_until_one_is_kept()
    {
        using var terminal = new StringWriter { NewLine = "\n" };
        var picture = new TerminalPicture(terminal, () => s_large);
        var (four, two) = (TestPictures.Noise(1, 4), TestPictures.Noise(1, 2));
        Assert.That(Drawn(four), Does.Not.Contain("\x1b[2A").And.EndsWith("\x1b[K\n"));
        Assert.That(Drawn(four), Does.StartWith("\x1b[2A\r"));
        Assert.That(Drawn(two), Does.StartWith("\x1b[2A\r").And.EndsWith("\x1b[J"), "what the larger one left is wiped");
        Assert.That(Drawn(two), Does.StartWith("\x1b[1A\r"));
        picture.Keep();
        Assert.That(Drawn(two), Does.StartWith("\x1b[38;"));

        string Drawn(RgbImage image)
        {
            terminal.GetStringBuilder().Clear();
            picture.Draw(image);
            return terminal.ToString();
        }
    }

    [TestCase(ColorSystemSupport.NoColors, null)]
    [TestCase(ColorSystemSupport.Standard, null)]
    [TestCase(ColorSystemSupport.EightBit, false)]
    [TestCase(ColorSystemSupport.TrueColor, true)]
    public void A_terminal_of_few_colours_is_not_drawn_on(ColorSystemSupport colours, bool? trueColour)
    {
        using var error = new StringWriter();
        var screen = new CliConsole(TextWriter.Null, error, () => TestTerminal.On(error, width: 90, height: 30, colours: colours)).Screen;
        Assert.That(screen, Is.EqualTo(trueColour is { } all ? new TerminalScreen(90, 30, all) : null));
    }

    [Test]
    public void Nothing_is_drawn_where_there_is_no_terminal_or_a_program_reads()
    {
        Assert.That(new CliConsole(TextWriter.Null, TextWriter.Null).Screen, Is.Null);
        Assert.That(new CliConsole(TextWriter.Null, TextWriter.Null, () => TestTerminal.On(TextWriter.Null, ansi: AnsiSupport.No, colours: ColorSystemSupport.TrueColor)).Screen, Is.Null);
        Assert.That(new CliConsole(TextWriter.Null, TextWriter.Null, () => TestTerminal.On(TextWriter.Null, colours: ColorSystemSupport.TrueColor)) { Json = true }.Screen, Is.Null);
    }
}
